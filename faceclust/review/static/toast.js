// Short notices at the bottom, read out by screen readers; nothing is lost when they go.

import { h } from "./dom.js";

const SECONDS = 7;
const place = document.getElementById("toasts");

/** toast("Named Ann", { action: "Undo", act: undo }) */
export function toast(text, { action, act, bad = false } = {}) {
  const close = () => box.remove();
  const button = action && h("button", { type: "button", class: "link", onclick: () => { close(); act(); } }, action);
  const box = h("div", { class: bad ? "toast bad" : "toast" }, h("span", { dir: "auto" }, text), button);
  place.replaceChildren(box);
  setTimeout(close, SECONDS * 1000);
}
