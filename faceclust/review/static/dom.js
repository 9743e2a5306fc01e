// Elements from data. Text is only ever set as text: nothing here parses HTML.

/** h("a", { class: "x", href: "/", onclick: f, "aria-label": "…" }, "text", child, …) */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A line icon from path data. */
export function icon(...paths) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const data of paths) {
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", data);
    svg.append(path);
  }
  return svg;
}

export const CHECK = "m5 12.5 4.5 4.5L19 7.5";

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** A person's name as it is shown; those without one are known by their number. */
export function label(person) {
  return person.name ?? `Number ${person.id}`;
}

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August",
  "September", "October", "November", "December"];

/** "2019-07-14" as "14 July 2019", "2019-07" as "July 2019". */
export function day(date) {
  const [year, month, number] = date.split("-");
  return [number && Number(number), MONTHS[Number(month) - 1], year].filter(Boolean).join(" ");
}

/** "2001 – 2019", one year, or nothing. */
export function years(first, last) {
  const [from, to] = [first.slice(0, 4), last.slice(0, 4)];
  return from === to ? from : `${from} – ${to}`;
}

export const thumbnail = (face) => `/faces/${face}.jpg`;
