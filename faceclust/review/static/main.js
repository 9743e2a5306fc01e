// The frame: which view is shown, what keys do, and what becomes of it when something changes.

import { undo } from "./acts.js";
import { get, onState, refreshState, state } from "./api.js";
import { showKeys } from "./dialog.js";
import { h } from "./dom.js";
import { errors } from "./errors.js";
import { log } from "./log.js";
import { people } from "./people.js";
import { person } from "./person.js";
import { photo } from "./photo.js";
import { search as looks } from "./search.js";
import { suggestions } from "./suggestions.js";

const main = document.getElementById("main");
const search = document.querySelector(".search input");
const ended = document.getElementById("ended");
const ROUTES = [
  [/^\/$/, people], [/^\/search$/, looks], [/^\/suggestions$/, suggestions], [/^\/people\/(\d+)$/, person],
  [/^\/photos\/(\d+)$/, photo], [/^\/log$/, log], [/^\/errors$/, errors],
];
let view = null;
let visit = 0;
const positions = new Map(); // where a page was scrolled to, for going back

async function show({ moved = true, restore = null } = {}) {
  const mine = ++visit;
  view?.leave();
  view = null;
  main.setAttribute("aria-busy", "true");
  const query = new URLSearchParams(location.search);
  if (document.activeElement !== search) search.value = query.get("words") ?? query.get("text") ?? "";
  const [, route, match] = ROUTES.map(([pattern, each]) => [pattern, each, pattern.exec(location.pathname)])
    .find(([, , found]) => found) ?? [null, people, []];
  let next;
  try {
    next = await route(main, { number: Number(match[1]), query, go, back });
  } catch (error) {
    if (mine === visit) lost(error);
    return;
  }
  if (mine !== visit) return next.leave();
  view = next;
  main.removeAttribute("aria-busy");
  document.title = `${view.title} · faceclust`;
  document.querySelectorAll("nav [data-page]").forEach((link) => {
    if (link.dataset.page === view.page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  scrollTo({ top: restore ?? 0, behavior: "instant" });
  if (moved) view.heading.focus({ preventScroll: true });
}

function lost(error) {
  main.removeAttribute("aria-busy");
  const heading = h("h1", { tabindex: "-1" }, error.status === 404 ? "Not here any more" : "That did not work");
  main.replaceChildren(h("div", { class: "empty" }, heading, h("p", {}, error.message),
    h("p", {}, h("a", { href: "/", "data-link": true, class: "link" }, "Everyone"))));
  heading.focus();
}

function go(address, { replace = false } = {}) {
  positions.set(history.state?.at ?? 0, scrollY);
  const at = (history.state?.at ?? 0) + (replace ? 0 : 1);
  if (replace) history.replaceState({ at }, "", address);
  else history.pushState({ at }, "", address);
  show();
}

/** To where one came from, or to `otherwise` where one came from elsewhere. */
function back(otherwise) {
  if (history.state?.at) history.back();
  else go(otherwise, { replace: true });
}

addEventListener("popstate", () => show({ restore: positions.get(history.state?.at ?? 0) }));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-link][href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (link.getAttribute("href") !== "#") go(link.getAttribute("href"));
});

const GLOBAL = {
  z: undo, "?": showKeys, "/": () => search.focus(),
  p: () => go("/"), q: () => go("/suggestions"), l: () => go("/log"), u: () => state.errors && go("/errors"),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select, [contenteditable]");
  if (typing || document.querySelector("dialog[open]") || event.defaultPrevented || event.isComposing) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !event.shiftKey) {
    event.preventDefault();
    undo();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && event.key.length === 1) return;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const run = view?.keys[name] ?? GLOBAL[name];
  if (!run) return;
  event.preventDefault();
  run();
});

// The second click of a double click is none, where it would give a second answer.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button:not(.step, .check, .candidate)");
  if (button && event.detail > 1) event.stopPropagation();
}, true);

// --- search ---

let typing;
search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(look, 150);
});
search.form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  look();
  search.blur();
  const words = search.value.trim();
  if (words) get(`/api/people?words=${encodeURIComponent(words)}&count=1`).then(({ total }) => {
    if (!total) go(`/search?text=${encodeURIComponent(words)}`); // nobody is called so: who looks so?
    else view?.keys.ArrowDown?.();
  }, () => {});
});
search.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    search.value = "";
    look();
    search.blur();
  } else if (event.key === "ArrowDown") {
    event.preventDefault();
    view?.keys.ArrowDown?.();
  }
});

function look() {
  const words = search.value.trim();
  const address = words ? `/?words=${encodeURIComponent(words)}` : "/";
  if (`${location.pathname}${location.search}` === address) return;
  const searching = location.pathname === "/" && location.search.includes("words=");
  const at = (history.state?.at ?? 0) + (searching ? 0 : 1);
  history[searching ? "replaceState" : "pushState"]({ at }, "", address);
  show({ moved: false });
}

// --- what changes ---

const undoButton = document.getElementById("undo");
undoButton.addEventListener("click", undo);
document.getElementById("help").addEventListener("click", showKeys);

onState(async (changed) => {
  undoButton.disabled = !state.undo;
  undoButton.title = state.undo ? `Undo: ${state.undo.what} (z)` : "Nothing to undo";
  document.querySelector("[data-page=errors]").hidden = !state.errors;
  if (!changed || !view) return;
  const shown = view;
  try {
    await shown.refresh();
  } catch (error) {
    if (shown === view) lost(error.status === 404 && shown.gone ? Object.assign(error, { message: shown.gone }) : error);
  }
});

addEventListener("ended", ({ detail: answering }) => {
  ended.hidden = false;
  ended.replaceChildren(h("strong", {}, "faceclust has ended. "),
    answering ? "The last answer may not have arrived; all before it are kept. " : "Every answer that was confirmed is kept. ",
    "Run ", h("code", {}, "faceclust review"), " again and use the address that it prints.");
});
addEventListener("alive", () => (ended.hidden = true));

const theme = document.getElementById("theme");
function drawTheme() {
  const wanted = document.documentElement.dataset.wanted;
  theme.setAttribute("aria-label", `Theme: ${wanted}`);
  theme.title = `Theme: ${wanted}`;
}
theme.addEventListener("click", () => {
  const order = ["auto", "light", "dark"];
  localStorage.setItem("theme", order[(order.indexOf(document.documentElement.dataset.wanted) + 1) % 3]);
  applyTheme(); // of theme.js
  drawTheme();
});
drawTheme();

history.scrollRestoration = "manual";
history.replaceState({ at: history.state?.at ?? 0 }, "");
await refreshState().catch(() => {});
show({ moved: false });
