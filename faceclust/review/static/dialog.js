// Questions in a dialog: a name with completion, a person to merge with, the list of keys.

import { get } from "./api.js";
import { count, h, label } from "./dom.js";
import { portrait } from "./faces.js";

function open(content, className) {
  const opener = document.activeElement;
  const dialog = h("dialog", { class: className, "aria-labelledby": "dialog-title" }, content);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener?.isConnected) opener.focus({ preventScroll: true });
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Ask for a name. Resolves to { name, person }: `person` is the one who has that name, else null;
 * to null where the question was closed. With `existing`, only somebody who is there will do.
 */
export function askName({ title, hint, faces = [], start = "", button, existing = false, not = null }) {
  return new Promise((resolve) => {
    let found = [];
    let chosen = -1;
    let request = null;
    let result = null;
    const input = h("input", {
      type: "text", id: "name", value: start, maxlength: 300, autocomplete: "off", spellcheck: "false",
      dir: "auto", role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false",
      "aria-controls": "names", "aria-label": "Name", placeholder: existing ? "A name or a number" : "Name",
    });
    const list = h("ul", { id: "names", class: "names", role: "listbox", "aria-label": "People with such a name" });
    const note = h("p", { class: "note", role: "status" }, hint ?? "");
    const submit = h("button", { class: "primary" }, button);
    const same = () => found.find((each) => each.name === input.value.trim());

    function choose(index) {
      chosen = index;
      list.querySelectorAll("[role=option]").forEach((option, i) => {
        option.setAttribute("aria-selected", String(i === chosen));
        if (i === chosen) option.scrollIntoView({ block: "nearest" });
      });
      if (chosen >= 0) input.setAttribute("aria-activedescendant", `option-${chosen}`);
      else input.removeAttribute("aria-activedescendant");
    }

    function finish(person) {
      if (existing && !person) {
        note.textContent = "Choose somebody from the list.";
        return;
      }
      const name = person?.name ?? input.value.trim();
      if (!name && !person) {
        note.textContent = "Type a name.";
        return;
      }
      result = { name, person: person ?? null };
      dialog.close();
    }

    async function complete() {
      request?.abort();
      request = new AbortController();
      const typed = input.value.trim();
      try {
        const people = typed || existing ? await get(`/api/names?typed=${encodeURIComponent(typed)}`, request.signal) : [];
        found = people.filter((each) => each.id !== not?.id);
      } catch {
        return;
      }
      list.replaceChildren(...found.map((person, i) =>
        h("li", { role: "option", id: `option-${i}`, "aria-selected": "false", onclick: () => finish(person) },
          portrait(person.best, ""),
          h("span", { class: "who", dir: "auto" }, label(person)),
          h("span", { class: "soft" }, count(person.faces, "face")))));
      input.setAttribute("aria-expanded", String(found.length > 0));
      choose(-1);
      const other = same();
      note.textContent = other && !existing ? `${other.name} is there already: the two become one person.` : (hint ?? "");
    }

    const form = h("form", { method: "dialog", class: "ask" },
      h("h2", { id: "dialog-title" }, title),
      h("div", { class: "strip" }, faces.slice(0, 6).map((face) => portrait(face, ""))),
      input, note, list,
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"), submit));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      finish(chosen >= 0 ? found[chosen] : (same() ?? (existing && found.length === 1 ? found[0] : null)));
    });
    input.addEventListener("input", complete);
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        choose(Math.max(-1, Math.min(found.length - 1, chosen + step)));
      } else if (event.key === "Tab" && chosen < 0 && found.length && input.value && !event.shiftKey && !same()) {
        event.preventDefault();
        input.value = found[0].name ?? String(found[0].id);
        complete();
      }
    });
    const dialog = open(form, "sheet");
    dialog.addEventListener("close", () => resolve(result));
    input.focus();
    input.select();
    complete();
  });
}

/** Ask for a date, "2015-07-14", "2015-07" or "2015"; "" to forget it, null where closed. */
export function askDate({ title, faces = [], start = "" }) {
  return new Promise((resolve) => {
    let result = null;
    const input = h("input", {
      type: "text", id: "date", value: start, placeholder: "2015-07-14, 2015-07 or 2015", "aria-label": "Date of birth",
      pattern: "[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?", title: "Year, year-month or year-month-day", autocomplete: "off",
    });
    const form = h("form", { method: "dialog", class: "ask" },
      h("h2", { id: "dialog-title" }, title), h("div", { class: "strip" }, faces.slice(0, 6).map((face) => portrait(face, ""))), input,
      h("p", { class: "note" }, "No earlier photo will be taken for this person’s. Empty: not known."),
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"), h("button", { class: "primary" }, "Save")));
    form.addEventListener("submit", () => (result = input.value.trim()));
    const dialog = open(form, "sheet");
    dialog.addEventListener("close", () => resolve(result));
    input.focus();
    input.select();
  });
}

const KEYS = [
  ["Everywhere", [["p  q  l  u", "people, suggestions, history, unreadable"], ["/", "search"], ["z", "undo"], ["?", "these keys"], ["Esc", "clear the selection, go back"]]],
  ["People", [["← ↑ ↓ →", "move"], ["Enter", "open"], ["n", "name"], ["x", "select"], ["m", "merge the selected"], ["h  i", "hide, ignore; or show again"]]],
  ["Suggestions", [["y  n  s", "yes, no, skip"], ["1 … 9", "tick, or not"]]],
  ["A person", [["n", "name"], ["m", "merge with…"], ["b", "date of birth"], ["h  i", "hide, ignore; or show again"], ["x", "select a face"], ["a", "select all, or none"], ["r", "selected: not this person"], ["s", "selected: make another person"], ["t", "two selected: split between them"], ["d", "selected: not a face"]]],
  ["A photo", [["← →", "the person’s other photos"], ["b", "boxes on or off"]]],
];

export function showKeys() {
  const groups = KEYS.map(([title, keys]) =>
    h("section", {}, h("h3", {}, title),
      h("dl", {}, keys.map(([key, what]) => h("div", {}, h("dt", {}, key.split("  ").map((each) => h("kbd", {}, each))), h("dd", {}, what))))));
  open(h("div", { class: "keys" },
    h("h2", { id: "dialog-title" }, "Keyboard"), h("div", { class: "columns" }, groups),
    h("form", { method: "dialog", class: "buttons" }, h("button", { class: "primary", autofocus: true }, "Close"))), "sheet wide");
}
