// One person: their faces over time, and what to do where one of them is somebody else.

import { act, away, birth, mergeWith, rename, setAside } from "./acts.js";
import { get, state } from "./api.js";
import { showBar } from "./bar.js";
import { CHECK, count, day, h, icon, label, years } from "./dom.js";
import { portrait } from "./faces.js";
import { Grid } from "./grid.js";

const YEARS_BY_MONTH = 2; // a person seen within so few years is shown by month

export async function person(main, { number, go, back }) {
  let shown;
  let faces;
  let anchor = null;
  const selected = new Set();
  const heading = h("h1", { tabindex: "-1", dir: "auto" });
  const facts = h("p", { class: "soft summary" });
  const cover = h("div", { class: "cover" });
  const timeline = h("nav", { class: "timeline", "aria-label": "Years" });
  const button = (text, key, run, main) =>
    h("button", { type: "button", class: main ? "primary" : "quiet", "aria-keyshortcuts": key, onclick: run }, text, h("kbd", { "aria-hidden": "true" }, key));
  const buttons = h("div", { class: "choices" });
  const place = h("div", { class: "faces" });
  main.replaceChildren(
    h("div", { class: "head person" }, cover, h("div", {}, heading, facts), buttons), timeline, place);

  function cell(index) {
    const [face, photo, date] = faces[index];
    const on = selected.has(face);
    const when = date ? day(date) : "no date";
    return h("li", { class: on ? "card on" : "card" },
      h("a", {
        href: `/photos/${photo}?person=${shown.id}`, "data-link": true, "aria-label": `Face ${index + 1}, ${when}: open the photo`, title: when,
        onclick: (event) => {
          if (!selected.size && !event.shiftKey) return;
          event.preventDefault();
          event.stopPropagation();
          if (event.shiftKey) range(index);
          else toggle(index);
        },
      }, h("span", { class: "face" }, portrait(face, ""))),
      h("button", {
        type: "button", class: "check", role: "checkbox", "aria-checked": String(on), "aria-label": `Select face ${index + 1}, ${when}`,
        "aria-keyshortcuts": "x", onclick: (event) => (event.shiftKey ? range(index) : toggle(index)),
      }, icon(CHECK)));
  }

  function toggle(index, on) {
    const face = faces[index][0];
    if (on ?? !selected.has(face)) selected.add(face);
    else selected.delete(face);
    anchor = index;
    grid.renew(index);
    drawBar();
  }

  function range(index) {
    const from = anchor ?? index;
    for (let i = Math.min(from, index); i <= Math.max(from, index); i++) toggle(i, true);
  }

  function select(all) {
    selected.clear();
    if (all) for (const [face] of faces) selected.add(face);
    for (const index of [...grid.cells.keys()]) grid.renew(index);
    drawBar();
  }

  function drawBar() {
    if (!selected.size) return showBar(null);
    showBar(count(selected.size, "face"), [
      { text: `Not ${shown.name && shown.name.length < 16 ? shown.name : "this person"}`, key: "r", act: keys.r, main: true },
      { text: "Another person", key: "s", act: keys.s },
      selected.size === 2 && faces.length > 2 && { text: "Split between them", key: "t", act: keys.t },
      { text: "Not a face", key: "d", act: keys.d },
    ].filter(Boolean), () => select(false));
  }

  const grid = new Grid(place, { cell, width: 118, caption: 0, gap: 12, label: "Faces, oldest first" });

  function draw() {
    heading.textContent = label(shown);
    heading.classList.toggle("none", !shown.name);
    facts.textContent = [
      count(shown.faces, "face"), `in ${count(shown.photos, "photo")}`, years(shown.first, shown.last), shown.birth ? `born ${day(shown.birth)}` : "",
      shown.ignored ? "ignored" : shown.hidden ? "hidden" : "",
    ].filter(Boolean).join(" · ").replace(" · in ", " in ");
    cover.replaceChildren(portrait(shown.best, `Best face of ${label(shown)}`, { large: true, now: true }));
    buttons.replaceChildren(
      button(shown.name ? "Rename" : "Name", "n", keys.n, !shown.name), button("Merge with…", "m", keys.m),
      ...(shown.name ? [button("Born", "b", keys.b)] : []),
      ...(away(shown) ? [button("Show again", "h", keys.h)] : [button("Hide", "h", keys.h), button("Ignore", "i", keys.i)]));
    const sections = byTime(faces);
    grid.show(sections);
    const most = Math.max(...sections.map((each) => each.count));
    timeline.hidden = sections.length < 3;
    timeline.replaceChildren(...sections.map((section, i) => {
      const bar = h("span", { class: "amount" });
      bar.style.height = `${Math.round(6 + 30 * (section.count / most))}px`;
      return h("button", { type: "button", title: `${section.title}: ${count(section.count, "face")}`, "aria-label": `Go to ${section.title}, ${count(section.count, "face")}`, onclick: () => grid.scrollToSection(i) },
        bar, h("span", { class: "year" }, section.short));
    }));
  }

  async function refresh() {
    const found = await get(`/api/people/${number}`);
    const had = grid.hasFocus;
    shown = found.person;
    faces = found.faces;
    const here = new Set(faces.map(([face]) => face));
    for (const face of selected) if (!here.has(face)) selected.delete(face);
    drawBar();
    draw();
    if (had) grid.focus(grid.active);
  }

  const best = () => [shown.best, ...faces.map(([face]) => face).filter((face) => face !== shown.best)].slice(0, 6);

  async function about(kind) {
    if (!selected.size) return;
    const chosen = [...selected];
    if (await act(kind, () => ({ people: [shown], faces: chosen }))) select(false);
  }

  async function follow(reply) {
    // A person who was joined with another goes on under the other's number.
    if (reply?.person && reply.person !== number) go(`/people/${reply.person}`, { replace: true });
  }

  const keys = {
    n: async () => follow(await rename(shown, best())),
    m: async () => follow(await mergeWith(shown, best())),
    b: () => shown.name && birth(shown, best()),
    h: () => setAside("hide", () => [shown]),
    i: () => setAside("ignore", () => [shown]),
    x: () => grid.hasFocus && toggle(grid.active),
    a: () => select(selected.size < faces.length),
    r: () => about("reject"),
    s: () => selected.size < faces.length && about("split-off"),
    t: () => selected.size === 2 && about("split"),
    d: () => about("not-a-face"),
    Escape: () => (selected.size ? select(false) : back("/")),
  };
  for (const key of ["ArrowDown", "ArrowRight"]) keys[key] = () => !grid.hasFocus && grid.focus(grid.active);

  await refresh();
  return {
    page: "people", title: label(shown), heading, keys, refresh, leave: () => { showBar(null); grid.end(); },
    gone: `${label(shown)} is not here any more: joined with somebody, or taken apart.`,
  };
}

/** Faces, which are in order of time, as sections: by month or by year, those without a date last. */
function byTime(faces) {
  const dated = faces.filter(([, , date]) => date);
  const span = dated.length ? Number(dated.at(-1)[2].slice(0, 4)) - Number(dated[0][2].slice(0, 4)) : 0;
  const byMonth = span < YEARS_BY_MONTH;
  const sections = [];
  for (const [, , date] of faces) {
    const key = date.slice(0, byMonth ? 7 : 4);
    if (sections.at(-1)?.key !== key) {
      const title = !key ? "Without a date" : byMonth ? day(key) : key;
      sections.push({ key, title, short: !key ? "–" : byMonth ? day(key).slice(0, 3) : key, count: 0 });
    }
    sections.at(-1).count += 1;
  }
  if (sections.length === 1 && !sections[0].key) sections[0].title = "";
  return sections;
}
