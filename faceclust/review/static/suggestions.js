// One question at a time, the one first whose answer settles most; one key an answer.

import { act } from "./acts.js";
import { get } from "./api.js";
import { count, h, label } from "./dom.js";
import { portrait, prefetch } from "./faces.js";

const AHEAD = 2;
const SKIPPED = "skipped"; // for this tab and as long as it is open: a skipped question is no answer

export async function suggestions(main) {
  let queue = [];
  let total = 0;
  let answered = 0;
  let reading = 0;
  const skipped = new Set(JSON.parse(sessionStorage.getItem(SKIPPED) ?? "[]"));
  const heading = h("h1", { tabindex: "-1" });
  const facts = h("p", { class: "soft summary" });
  const pair = h("div", { class: "pair" });
  const vote = (text, key, kind, run) =>
    h("button", { type: "button", class: kind, "aria-keyshortcuts": key, onclick: run }, text, h("kbd", { "aria-hidden": "true" }, key));
  const votes = h("div", { class: "votes", role: "group", "aria-label": "Your answer" });
  const empty = h("p", { class: "empty" });
  const page = h("div", { class: "question" }, h("div", { class: "head" }, h("div", {}, heading, facts)), pair, votes, empty);
  main.replaceChildren(page);

  function side(person, faces) {
    const alternative = `Face of ${label(person)}`;
    return h("div", { class: "side" },
      h("a", { href: `/people/${person.id}`, "data-link": true, "aria-label": `Open ${label(person)}, ${count(person.faces, "face")}` },
        h("span", { class: "face" }, portrait(faces[0], alternative, { large: true, now: true })),
        h("span", { class: person.name ? "who" : "who none", dir: "auto" }, person.name ?? "No name"),
        h("span", { class: "soft" }, count(person.faces, "face"))),
      h("div", { class: "more" }, faces.slice(1, 7).map((face) => portrait(face, ""))));
  }

  function draw() {
    const [asked, ...rest] = queue;
    for (const part of [pair, votes]) part.hidden = !asked;
    empty.hidden = Boolean(asked);
    if (!asked) {
      heading.textContent = "Suggestions";
      facts.textContent = "";
      empty.replaceChildren(answered ? "That was the last question. Thank you." : "There is nothing to ask.",
        ...(skipped.size ? [" ", h("button", { type: "button", class: "link", onclick: again }, `Ask the ${skipped.size} skipped again`)] : []));
      return;
    }
    const [left, right] = asked.people;
    const named = left.name ?? right.name;
    heading.textContent = left.name && right.name ? "Are these one person?" : named ? `Is this ${named}?` : "The same person?";
    facts.textContent = `${Math.round(asked.probability * 100)} % likely · settles ${count(asked.settles, "face")} · ${count(total, "question")} left`;
    pair.replaceChildren(side(left, asked.faces[0]), side(right, asked.faces[1]));
    votes.replaceChildren(
      vote("No", "n", "quiet", keys.n), vote("Skip", "s", "quiet", keys.s), vote("Yes", "y", "primary", keys.y));
    prefetch(rest.slice(0, AHEAD).flatMap((next) => next.faces.map((faces) => faces[0])).reverse());
  }

  function again() {
    skipped.clear();
    sessionStorage.removeItem(SKIPPED);
    refresh();
  }

  async function refresh() {
    const mine = ++reading;
    const asked = queue[0]?.key;
    const found = await get("/api/suggestions");
    if (mine !== reading) return;
    queue = found.suggestions.filter((each) => !skipped.has(each.key));
    total = found.total - found.suggestions.length + queue.length;
    const still = queue.findIndex((each) => each.key === asked);
    if (still > 0) queue.unshift(...queue.splice(still, 1)); // do not change the question while it is read
    draw();
  }

  async function settle(kind) {
    const asked = queue[0];
    if (!asked) return;
    const reply = await act(kind, { people: asked.people, faces: asked.about });
    if (!reply) return;
    answered += 1;
    // The next question at once, if it is about others; fresh ones come with what has changed.
    const touched = new Set(asked.people.map((each) => each.id));
    queue = queue.filter((each) => !each.people.some((person) => touched.has(person.id)));
    total = Math.max(queue.length, total - 1);
    draw();
    heading.focus({ preventScroll: true });
  }

  const keys = {
    y: () => settle("same"),
    n: () => settle("differ"),
    s: () => {
      if (!queue.length) return;
      skipped.add(queue.shift().key);
      sessionStorage.setItem(SKIPPED, JSON.stringify([...skipped]));
      total -= 1;
      draw();
      if (!queue.length) refresh();
    },
  };

  await refresh();
  return { page: "suggestions", title: "Suggestions", heading, keys, refresh, leave() {} };
}
