// Faces that look as a text says, best first: guesses of a model, not of who somebody is.

import { get } from "./api.js";
import { h, label } from "./dom.js";
import { portrait } from "./faces.js";
import { Grid } from "./grid.js";

export async function search(main, { query, back }) {
  const text = query.get("text") ?? "";
  const heading = h("h1", { tabindex: "-1", dir: "auto" }, `“${text}”`);
  const facts = h("p", { class: "soft summary" }, "Looking…");
  const place = h("div", { class: "faces" });
  main.replaceChildren(h("div", { class: "head" }, h("div", {}, heading, facts)), place);
  let found = [];

  function cell(index) {
    const { face, photo, person } = found[index];
    return h("li", { class: "card" },
      h("a", { href: `/photos/${photo}?person=${person.id}`, "data-link": true, "aria-label": `${label(person)}: open the photo` },
        h("span", { class: "face" }, portrait(face, "", { large: true })),
        h("span", { class: person.name ? "name" : "name none", dir: "auto" }, person.name ?? "No name")));
  }

  const grid = new Grid(place, { cell, width: 130, caption: 34, gap: 16, label: "Faces, best match first" });

  async function refresh() {
    const had = grid.hasFocus;
    try {
      found = await get(`/api/search?text=${encodeURIComponent(text)}`);
      facts.textContent = found.length ? "Faces that may look so, best first. A model guesses, and often wrongly." : "No faces were found.";
    } catch (error) {
      found = [];
      facts.textContent = error.message;
    }
    grid.show([{ count: found.length }]);
    if (had) grid.focus(grid.active);
  }

  const keys = { Escape: () => back("/") };
  for (const key of ["ArrowDown", "ArrowRight"]) keys[key] = () => !grid.hasFocus && grid.focus(grid.active);
  await refresh();
  return { page: "people", title: text, heading, keys, refresh, leave: () => grid.end() };
}
