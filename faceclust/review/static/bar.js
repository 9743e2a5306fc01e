// The bar of what can be done with a selection.

import { h, icon } from "./dom.js";

const bar = document.getElementById("bar");

/** showBar("3 faces", [{ text, key, act, main }], clear); null hides it. */
export function showBar(text, buttons = [], clear = null) {
  bar.hidden = text === null;
  document.body.classList.toggle("selecting", text !== null);
  if (text === null) return bar.replaceChildren();
  bar.replaceChildren(
    h("button", { type: "button", class: "icon", "aria-label": "Clear the selection", onclick: clear }, icon("M6 6l12 12M18 6 6 18")),
    h("strong", { role: "status" }, text),
    h("div", { class: "acts" }, buttons.map(({ text: word, key, act, main }) =>
      h("button", { type: "button", class: main ? "primary" : "quiet", "aria-keyshortcuts": key, onclick: act }, word, h("kbd", { "aria-hidden": "true" }, key)))));
}
