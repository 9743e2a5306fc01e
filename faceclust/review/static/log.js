// Every answer ever given, newest first: none is ever lost, and those taken back are told apart.

import { undo } from "./acts.js";
import { get } from "./api.js";
import { h } from "./dom.js";

export async function log(main) {
  const heading = h("h1", { tabindex: "-1" }, "History");
  const place = h("ol", { class: "log" });
  main.replaceChildren(h("div", { class: "head" }, h("div", {}, heading, h("p", { class: "soft summary" },
    "Every answer, newest first. Undo takes back one after the other."))), place);

  async function refresh() {
    const found = await get("/api/log");
    const next = found.find((each) => each.stands && !each.undoes);
    place.replaceChildren(...found.filter((each) => !each.undoes).map((each) =>
      h("li", { class: each.stands ? null : "undone" },
        h("time", { class: "soft", datetime: each.at }, new Date(each.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })),
        each.person ? h("a", { href: `/people/${each.person}`, "data-link": true, dir: "auto" }, each.what) : h("span", { dir: "auto" }, each.what),
        each.stands ? each === next && h("button", { type: "button", class: "quiet", "aria-keyshortcuts": "z", onclick: undo }, "Undo", h("kbd", { "aria-hidden": "true" }, "z"))
          : h("span", { class: "soft" }, "taken back"))));
    if (!place.children.length) place.replaceChildren(h("li", { class: "empty" }, "Nothing was answered yet."));
  }

  await refresh();
  return { page: "log", title: "History", heading, keys: {}, refresh, leave() {} };
}
