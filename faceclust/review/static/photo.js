// One photo with its faces; the person one came from decides which photo is next.

import { act } from "./acts.js";
import { get } from "./api.js";
import { count, day, h, icon, label } from "./dom.js";
import { portrait } from "./faces.js";

export async function photo(main, { number, query, go, back }) {
  const who = Number(query.get("person")) || null;
  const heading = h("h1", { class: "file", tabindex: "-1", dir: "auto" });
  const facts = h("p", { class: "soft summary" });
  const stage = h("div", { class: "stage" });
  const list = h("ul", { class: "inside", "aria-label": "People in this photo" });
  const waiting = h("section", { class: "waiting", "aria-label": "Named by another program" });
  const step = (text, path, way) =>
    h("button", { type: "button", class: "icon step", "aria-label": text, onclick: () => move(way) }, icon(path));
  const steps = h("div", { class: "steps" }, step("Previous photo", "m14 6-6 6 6 6", -1), step("Next photo", "m10 6 6 6-6 6", 1));
  main.replaceChildren(h("div", { class: "photo" }, h("div", { class: "view" }, stage),
    h("aside", {}, heading, facts, steps, h("h2", {}, "People"), list, waiting)));
  let others = [];

  async function refresh() {
    const shown = await get(`/api/photos/${number}`);
    heading.textContent = shown.file.split("/").at(-1);
    heading.title = shown.file;
    const [date, time] = shown.taken.split(" ");
    facts.replaceChildren(...[
      shown.file.includes("/") && shown.file.slice(0, shown.file.lastIndexOf("/")), date && `${day(date)}${time ? `, ${time.slice(0, 5)}` : ""}`,
      `${shown.width.toLocaleString("en")} × ${shown.height.toLocaleString("en")}`, shown.camera,
    ].filter(Boolean).flatMap((text) => [h("span", { dir: "auto" }, text)]));
    stage.style.aspectRatio = `${shown.width} / ${shown.height}`;
    stage.style.setProperty("--ratio", shown.width / shown.height);
    const image = h("img", { src: `/photos/${number}.jpg`, alt: `${shown.file}, ${count(shown.faces.length, "face")}` });
    image.addEventListener("error", async () => {
      const reason = await get(`/photos/${number}.jpg`).catch((error) => error.message);
      stage.replaceChildren(h("p", { class: "lost" }, h("strong", {}, "This photo cannot be shown"), h("span", {}, reason)));
    });
    stage.replaceChildren(image, ...shown.faces.map(box));
    list.replaceChildren(...shown.faces.filter((face) => face.person).map((face) =>
      h("li", {}, h("a", { href: `/people/${face.person.id}`, "data-link": true, onmouseenter: () => light(face.id, true), onmouseleave: () => light(face.id, false) },
        portrait(face.id, ""),
        h("span", { class: face.person.name ? "who" : "who none", dir: "auto" }, label(face.person)),
        h("span", { class: "soft" }, count(face.person.faces, "face"))))));
    if (!list.children.length) list.replaceChildren(h("li", { class: "soft" }, "Nobody was found in this photo."));
    waiting.replaceChildren(...shown.waiting.flatMap((each) => hint(each, shown.faces)));
    return shown;
  }

  /** Somebody whom another program names without a box: a click on the right face settles it. */
  function hint({ name, faces }, there) {
    const choices = there.filter((face) => faces.includes(face.id) && face.person);
    if (!choices.length) return [];
    return [h("h2", {}, h("span", { dir: "auto" }, name), " is in this photo, too"),
      h("p", { class: "soft" }, "Another program says so, but not which face. Is it one of these?"),
      h("div", { class: "choices" }, ...choices.map((face) => h("button", {
        type: "button", "aria-label": `${label(face.person)} is ${name}`,
        onmouseenter: () => light(face.id, true), onmouseleave: () => light(face.id, false),
        onclick: async () => await act("name", { people: [face.person], name }) && refresh(),
      }, portrait(face.id, ""))))];
  }

  function box(face) {
    const [x, y, w, high] = face.box;
    const name = face.person ? label(face.person) : "Not grouped yet";
    const element = h("a", {
      class: face.person?.id === who ? "box this" : "box", "data-face": face.id, "data-link": true,
      href: face.person ? `/people/${face.person.id}` : null, "aria-label": name,
    }, h("span", { dir: "auto" }, name));
    Object.assign(element.style, { left: `${x * 100}%`, top: `${y * 100}%`, width: `${w * 100}%`, height: `${high * 100}%` });
    return element;
  }

  function light(face, on) {
    stage.querySelector(`[data-face="${face}"]`)?.classList.toggle("lit", on);
  }

  function move(way) {
    const at = others.indexOf(number);
    const next = others[at + way];
    if (at >= 0 && next) go(`/photos/${next}?person=${who}`, { replace: true });
  }

  const shown = await refresh();
  if (who) {
    const found = await get(`/api/people/${who}`).catch(() => null);
    others = [...new Set((found?.faces ?? []).map(([, each]) => each))];
  }
  const at = others.indexOf(number);
  steps.hidden = others.length < 2;
  steps.firstChild.disabled = at <= 0;
  steps.lastChild.disabled = at < 0 || at === others.length - 1;
  return {
    page: "people", title: shown.file, heading, refresh, leave() {},
    keys: {
      ArrowLeft: () => move(-1), ArrowRight: () => move(1),
      b: () => stage.classList.toggle("bare"), Escape: () => back(who ? `/people/${who}` : "/"),
    },
  };
}
