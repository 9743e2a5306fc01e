// Everyone: a grid that is loaded in stretches as it comes into sight.

import { away, merge, rename, setAside } from "./acts.js";
import { get, state } from "./api.js";
import { showBar } from "./bar.js";
import { CHECK, count, h, icon, label, years } from "./dom.js";
import { portrait } from "./faces.js";
import { Grid } from "./grid.js";

const STRETCH = 120;
const SHOWS = [["everyone", "Everyone"], ["named", "Named"], ["unnamed", "Without a name"], ["strangers", "Strangers"], ["hidden", "Hidden"]];
const ORDERS = [["faces", "Most seen"], ["name", "Name"], ["newest", "Newest"]];

export async function people(main, { query, go }) {
  const show = SHOWS.some(([key]) => key === query.get("show")) ? query.get("show") : "everyone";
  const order = ORDERS.some(([key]) => key === query.get("order")) ? query.get("order") : "faces";
  const words = query.get("words") ?? "";
  let loaded = new Map();
  let pending = new Set();
  let total = 0;
  let reading = 0;
  const selected = new Map();
  let anchor = null;

  const heading = h("h1", { tabindex: "-1" }, words ? `“${words}”` : "People");
  const summary = h("p", { class: "soft summary" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Who is shown" });
  const sort = h("select", { "aria-label": "Order", onchange: () => go(address({ order: sort.value })) },
    ORDERS.map(([key, text]) => h("option", { value: key, selected: key === order }, text)));
  const place = h("div");
  const empty = h("p", { class: "empty", hidden: true });
  const looks = h("p", { hidden: true }, h("a", { class: "link", href: `/search?text=${encodeURIComponent(words)}`, "data-link": true, dir: "auto" }, `Faces that look like “${words}”`));
  main.replaceChildren(
    h("div", { class: "head" }, h("div", {}, heading, summary, looks), h("div", { class: "choices" }, chips, sort)), place, empty);

  function address(changes) {
    const wanted = new URLSearchParams();
    for (const [key, value] of Object.entries({ show, order, words, ...changes })) {
      if (value && value !== "everyone" && value !== "faces") wanted.set(key, value);
    }
    return wanted.size ? `/?${wanted}` : "/";
  }

  function drawChips() {
    const counts = state?.counts ?? {};
    summary.textContent = words
      ? `${count(total, "person", "people")} with such a name`
      : `${count(counts.everyone ?? 0, "person", "people")} in ${count(counts.faces ?? 0, "face")}, ${counts.named ?? 0} named`;
    chips.replaceChildren(...SHOWS.filter(([key]) => key === "everyone" || key === show || counts[key]).map(([key, text]) =>
      h("a", { class: "chip", href: address({ show: key }), "data-link": true, "aria-current": key === show ? "page" : null },
        text, h("span", {}, (counts[key] ?? 0).toLocaleString("en")))));
  }

  function cell(index) {
    const person = loaded.get(index);
    if (!person) {
      return h("li", { class: "card waiting", "aria-busy": "true" }, h("a", { href: "#", "aria-label": "Loading" }, h("span", { class: "face" })));
    }
    const on = selected.has(person.id);
    return h("li", { class: on ? "card on" : "card" },
      h("a", {
        href: `/people/${person.id}`, "data-link": true,
        "aria-label": `${label(person)}, ${count(person.faces, "face")}`,
        onclick: (event) => {
          if (!selected.size && !event.shiftKey) return;
          event.preventDefault();
          event.stopPropagation();
          if (event.shiftKey) range(index);
          else toggle(index);
        },
      },
      h("span", { class: "face" }, portrait(person.best, "", { large: true })),
      h("span", { class: person.name ? "name" : "name none", dir: "auto" }, person.name ?? "No name"),
      h("span", { class: "soft" }, [count(person.faces, "face"), years(person.first, person.last)].filter(Boolean).join(" · "))),
      h("button", {
        type: "button", class: "check", role: "checkbox", "aria-checked": String(on), "aria-label": `Select ${label(person)}`,
        "aria-keyshortcuts": "x", onclick: (event) => (event.shiftKey ? range(index) : toggle(index)),
      }, icon(CHECK)));
  }

  function toggle(index, on) {
    const person = loaded.get(index);
    if (!person) return;
    if (on ?? !selected.has(person.id)) selected.set(person.id, person);
    else selected.delete(person.id);
    anchor = index;
    grid.renew(index);
    drawBar();
  }

  function range(index) {
    const from = anchor ?? index;
    for (let i = Math.min(from, index); i <= Math.max(from, index); i++) toggle(i, true);
  }

  function clear() {
    selected.clear();
    for (const index of [...grid.cells.keys()]) grid.renew(index);
    drawBar();
  }

  function drawBar() {
    if (!selected.size) return showBar(null);
    const chosen = [...selected.values()];
    const buttons = chosen.every(away) ? [{ text: "Show again", key: "h", act: keys.h }]
      : [{ text: "Hide", key: "h", act: keys.h }, { text: "Ignore", key: "i", act: keys.i }];
    if (chosen.length > 1) buttons.unshift({ text: "Merge", key: "m", act: keys.m, main: true });
    else buttons.unshift({ text: "Name", key: "n", act: keys.n, main: true });
    showBar(count(chosen.length, "person", "people"), buttons, clear);
  }

  async function load(first, last) {
    for (let stretch = Math.floor(first / STRETCH); stretch <= Math.floor(Math.max(0, last - 1) / STRETCH); stretch++) {
      if (pending.has(stretch)) continue;
      pending.add(stretch);
      fetchStretch(stretch, reading);
    }
  }

  async function fetchStretch(stretch, mine) {
    const query = new URLSearchParams({ show, order, words, start: stretch * STRETCH, count: STRETCH });
    let reply;
    try {
      reply = await get(`/api/people?${query}`);
    } catch {
      pending.delete(stretch);
      return;
    }
    if (mine !== reading) return;
    reply.people.forEach((person, i) => loaded.set(stretch * STRETCH + i, person));
    if (reply.total !== total) {
      total = reply.total;
      grid.show([{ count: total }]);
    } else {
      for (let i = 0; i < reply.people.length; i++) grid.renew(stretch * STRETCH + i);
    }
    drawEmpty();
    drawChips();
  }

  function drawEmpty() {
    empty.hidden = total > 0;
    empty.textContent = words ? "Nobody has such a name." : EMPTY[show];
    looks.hidden = !words || total < 0;
  }

  const grid = new Grid(place, {
    cell, width: 150, caption: 56, gap: 22, label: "People", onSight: load,
  });

  async function refresh() {
    const had = grid.hasFocus;
    reading += 1;
    loaded = new Map();
    pending = new Set([0]);
    for (const id of [...selected.keys()]) selected.delete(id);
    drawBar();
    total = -1;
    const first = grid.sections.length ? Math.floor(grid.active / STRETCH) : 0;
    if (first) pending.add(first);
    await Promise.all([...pending].map((stretch) => fetchStretch(stretch, reading)));
    if (had) grid.focus(grid.active);
  }

  function current() {
    if (selected.size) return [...selected.values()];
    const person = grid.hasFocus ? loaded.get(grid.active) : null;
    return person ? [person] : [];
  }

  const keys = {
    n: () => current().length === 1 && rename(current()[0], [current()[0].best]),
    m: () => selected.size > 1 && merge([...selected.values()]),
    h: () => current().length && setAside("hide", current),
    i: () => current().length && setAside("ignore", current),
    x: () => grid.hasFocus && toggle(grid.active),
    Escape: () => (selected.size ? clear() : words && go("/")),
  };
  for (const key of ["ArrowDown", "ArrowRight"]) keys[key] = () => !grid.hasFocus && grid.focus(grid.active);

  await refresh();
  return { page: "people", title: words || "People", heading, keys, refresh, leave: () => { showBar(null); grid.end(); } };
}

const EMPTY = {
  everyone: "Nobody here yet. Run “faceclust scan FOLDER” and come back.",
  named: "Nobody has a name yet: open somebody and press n.",
  unnamed: "Everybody but strangers has a name.",
  strangers: "No strangers: nobody was seen once, on one day only, or never well.",
  hidden: "Nobody is hidden.",
};
