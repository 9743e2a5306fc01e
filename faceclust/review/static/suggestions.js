// One question at a time, the one first whose answer settles most; one key an answer.

import { act } from "./acts.js";
import { get } from "./api.js";
import { CHECK, count, h, icon, label } from "./dom.js";
import { portrait, prefetch } from "./faces.js";

const AHEAD = 2;
const SKIPPED = "skipped"; // for this tab and as long as it is open: a skipped question is no answer

export async function suggestions(main) {
  let queue = [];
  let total = 0;
  let answered = 0;
  let reading = 0;
  let refused = new Set(); // candidates of the question shown that are not ticked any more
  const skipped = new Set(JSON.parse(sessionStorage.getItem(SKIPPED) ?? "[]"));
  const heading = h("h1", { tabindex: "-1" });
  const facts = h("p", { class: "soft summary" });
  const pair = h("div", { class: "pair" });
  const votes = h("div", { class: "votes", role: "group", "aria-label": "Your answer" });
  const empty = h("p", { class: "empty" });
  main.replaceChildren(h("div", { class: "question" }, h("div", { class: "head" }, h("div", {}, heading, facts)), pair, votes, empty));

  const vote = (text, key, kind, run) =>
    h("button", { type: "button", class: kind, "aria-keyshortcuts": key, onclick: run }, text, h("kbd", { "aria-hidden": "true" }, key));

  function draw() {
    const asked = queue[0];
    refused = new Set();
    for (const part of [pair, votes]) part.hidden = !asked;
    empty.hidden = Boolean(asked);
    if (!asked) return drawEmpty();
    heading.textContent = wording(asked);
    const settles = asked.candidates.reduce((sum, each) => sum + each.settles, 0);
    facts.textContent = [
      asked.candidates.length === 1 && `${Math.round(asked.candidates[0].probability * 100)} % likely`,
      `settles ${count(settles, "face")}`, `${count(total, "question")} left`,
    ].filter(Boolean).join(" · ").replace(/^s/, "S");
    drawPair(asked);
    drawVotes(asked);
    prefetch(queue.slice(1, 1 + AHEAD).flatMap((next) => [next.samples[0], ...next.candidates.map((each) => each.samples[0])]).reverse());
  }

  function drawEmpty() {
    heading.textContent = "Suggestions";
    facts.textContent = "";
    empty.replaceChildren(answered ? "That was the last question. Thank you." : "There is nothing to ask.",
      ...(skipped.size ? [" ", h("button", { type: "button", class: "link", onclick: again }, `Ask the ${skipped.size} skipped again`)] : []));
  }

  function drawPair(asked) {
    const many = asked.candidates.length > 1;
    pair.classList.toggle("many", many);
    pair.replaceChildren(
      side(asked.person, asked.samples),
      many ? h("ul", { class: "candidates", "aria-label": "Candidates" }, asked.candidates.map(candidate))
        : side(asked.candidates[0].person, asked.candidates[0].samples));
  }

  function side(person, faces) {
    return h("div", { class: "side" },
      h("a", { href: `/people/${person.id}`, "data-link": true, "aria-label": `Open ${label(person)}, ${count(person.faces, "face")}` },
        h("span", { class: "face" }, portrait(faces[0], `Face of ${label(person)}`, { large: true, now: true })),
        h("span", { class: person.name ? "who" : "who none", dir: "auto" }, person.name ?? "No name"),
        h("span", { class: "soft" }, count(person.faces, "face"))),
      h("div", { class: "more" }, faces.slice(1, 5).map((face) => portrait(face, "", { large: true }))));
  }

  function candidate(each, index) {
    const on = !refused.has(each.person.id);
    return h("li", {}, h("button", {
      type: "button", class: on ? "candidate on" : "candidate", role: "checkbox", "aria-checked": String(on),
      "aria-label": `${label(each.person)}, ${count(each.settles, "face")}, ${Math.round(each.probability * 100)} % likely`,
      "aria-keyshortcuts": index < 9 ? String(index + 1) : null, onclick: () => toggle(index),
    },
    h("span", { class: "face" }, portrait(each.samples[0], "", { large: true, now: true })),
    h("span", { class: "check" }, icon(CHECK)),
    index < 9 && h("kbd", { "aria-hidden": "true" }, String(index + 1)),
    h("span", { class: each.person.name ? "name" : "name none", dir: "auto" }, each.person.name ?? "No name"),
    h("span", { class: "soft" }, count(each.settles, "face"))));
  }

  function toggle(index) {
    const asked = queue[0];
    const each = asked?.candidates[index];
    if (!each || asked.candidates.length < 2) return;
    if (!refused.delete(each.person.id)) refused.add(each.person.id);
    const list = pair.querySelector(".candidates");
    const focused = list.children[index].contains(document.activeElement);
    list.children[index].replaceWith(candidate(each, index));
    if (focused) list.children[index].querySelector("button").focus();
    drawVotes(asked);
  }

  function drawVotes(asked) {
    const many = asked.candidates.length;
    const ticked = many - refused.size;
    const yes = many === 1 ? "Yes" : ticked === many ? (many === 2 ? "Yes, both" : `Yes, all ${many}`) : ticked ? `Yes, ${ticked}; ${refused.size} not` : "None of them";
    votes.replaceChildren(
      vote(many === 1 ? "No" : "None", "n", "quiet", keys.n), vote("Skip", "s", "quiet", keys.s), vote(yes, "y", "primary", keys.y));
  }

  function again() {
    skipped.clear();
    sessionStorage.removeItem(SKIPPED);
    refresh();
  }

  async function refresh() {
    const mine = ++reading;
    const before = queue[0]?.key;
    const found = await get(`/api/suggestions?skipped=${skipped.size}`);
    if (mine !== reading) return;
    queue = found.suggestions.filter((each) => !skipped.has(each.key));
    total = Math.max(queue.length, found.total - skipped.size);
    const still = queue.findIndex((each) => each.key === before);
    if (still > 0) queue.unshift(...queue.splice(still, 1));
    if (still < 0 || !before) draw(); // the question that is being read is not taken away
  }

  async function settle(yes, no) {
    const asked = queue[0];
    if (!asked) return;
    const others = asked.candidates.map((each) => each.person);
    if (!await act("same", { people: [asked.person, ...others], yes, no })) return;
    answered += 1;
    // The next question at once, if it is about others; fresh ones come with what has changed.
    const touched = new Set([asked.person.id, ...others.map((each) => each.id)]);
    const about = (each) => [each.person, ...each.candidates.map((one) => one.person)];
    queue = queue.filter((each) => !about(each).some((person) => touched.has(person.id)));
    total = Math.max(queue.length, total - 1);
    draw();
    heading.focus({ preventScroll: true });
    if (!queue.length) refresh();
  }

  const ids = (rule) => queue[0]?.candidates.map((each) => each.person.id).filter(rule) ?? [];
  const keys = {
    y: () => settle(ids((id) => !refused.has(id)), ids((id) => refused.has(id))),
    n: () => settle([], ids(() => true)),
    s: () => {
      if (!queue.length) return;
      skipped.add(queue.shift().key);
      sessionStorage.setItem(SKIPPED, JSON.stringify([...skipped]));
      total = Math.max(queue.length, total - 1);
      draw();
      if (!queue.length) refresh();
    },
  };
  for (let digit = 1; digit <= 9; digit++) keys[digit] = () => toggle(digit - 1);

  await refresh();
  if (!queue.length) draw();
  return { page: "suggestions", title: "Suggestions", heading, keys, refresh, leave() {} };
}

function wording({ person, candidates }) {
  const one = candidates.length === 1;
  const name = person.name;
  if (one && !name && candidates[0].person.name) return `Is this ${candidates[0].person.name}?`;
  if (name) return one ? `Is this ${name}, too?` : `Which of these are ${name}, too?`;
  return one ? "The same person?" : "Which of these are the same person?";
}
