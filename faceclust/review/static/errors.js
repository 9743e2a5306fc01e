// Photos that could not be read, and why.

import { get } from "./api.js";
import { count, h } from "./dom.js";

const MOST = 1000;

export async function errors(main) {
  const heading = h("h1", { tabindex: "-1" }, "Unreadable photos");
  const place = h("div");
  main.replaceChildren(h("div", { class: "head" }, h("div", {}, heading, h("p", { class: "soft summary" },
    "They are left as they are. A file that is mended or replaced is read by the next scan."))), place);

  async function refresh() {
    const found = await get("/api/errors");
    const kinds = Map.groupBy ? Map.groupBy(found, (each) => each.kind) : grouped(found);
    place.replaceChildren(...[...kinds].map(([kind, files]) =>
      h("section", { class: "kind" }, h("h2", {}, `${kind}, ${count(files.length, "photo")}`),
        h("ul", {}, files.slice(0, MOST).map((each) => h("li", {}, h("span", { class: "file", dir: "auto" }, each.file), h("span", { class: "soft" }, each.reason)))),
        files.length > MOST && h("p", { class: "soft" }, `and ${count(files.length - MOST, "more", "more")}; “faceclust status --errors” lists them all`))));
    if (!found.length) place.replaceChildren(h("p", { class: "empty" }, "Every photo could be read."));
  }

  await refresh();
  return { page: "errors", title: "Unreadable photos", heading, keys: {}, refresh, leave() {} };
}

function grouped(found) {
  const kinds = new Map();
  for (const each of found) kinds.set(each.kind, [...(kinds.get(each.kind) ?? []), each]);
  return kinds;
}
