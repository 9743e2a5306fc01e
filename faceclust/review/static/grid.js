// A grid of thousands of cells of which only those in sight exist.
//
// Sections have a heading and a number of items; items are known by their index. Rows are laid
// out by arithmetic, so that no cell is ever measured while scrolling.

import { h } from "./dom.js";

const OVERSCAN = 1.0; // screens above and below
const HEADING = 64;

export class Grid {
  /**
   * @param place the element to fill.
   * @param options.cell (index) → element: an <li> whose first link or button takes the focus.
   * @param options.width least width of a cell; options.caption: height below its square.
   * @param options.label what the list is called.
   * @param options.onSight (first, last): which items are in sight.
   */
  constructor(place, { cell, width, caption, gap, label, onSight = () => {} }) {
    Object.assign(this, { cell, least: width, caption, gap, onSight });
    this.list = h("ul", { class: "grid", role: "list", "aria-label": label });
    place.append(this.list);
    this.cells = new Map();
    this.headings = new Map();
    this.sections = [];
    this.total = 0;
    this.active = 0;
    this.rows = [];
    this.listening = new AbortController();
    const signal = this.listening.signal;
    addEventListener("scroll", () => this.soon(), { passive: true, signal });
    this.watcher = new ResizeObserver(() => this.layout());
    this.watcher.observe(place);
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("focusin", (event) => {
      const index = event.target.closest("[data-index]")?.dataset.index;
      if (index !== undefined) this.activate(Number(index));
    });
  }

  /** Show these sections: [{ title, count }]; cells are made anew. */
  show(sections) {
    this.sections = sections;
    this.total = sections.reduce((sum, each) => sum + each.count, 0);
    this.active = Math.max(0, Math.min(this.active, this.total - 1));
    this.clear();
    this.layout();
  }

  clear() {
    for (const part of [...this.cells.values(), ...this.headings.values()]) part.remove();
    this.cells.clear();
    this.headings.clear();
  }

  layout() {
    const style = getComputedStyle(this.list);
    this.width = this.list.clientWidth;
    if (!this.width) return;
    const least = parseFloat(style.getPropertyValue("--cell")) || this.least;
    this.columns = Math.max(2, Math.floor((this.width + this.gap) / (least + this.gap)));
    this.side = (this.width - this.gap * (this.columns - 1)) / this.columns;
    this.high = Math.round(this.side + this.caption);
    this.rows = [];
    let top = 0;
    let index = 0;
    this.sections.forEach((section, number) => {
      if (section.title) {
        this.rows.push({ top, height: HEADING, section: number, first: index, count: 0 });
        top += HEADING;
      }
      for (let left = section.count; left > 0; left -= this.columns) {
        const count = Math.min(left, this.columns);
        this.rows.push({ top, height: this.high, section: number, first: index, count });
        top += this.high + this.gap;
        index += count;
      }
    });
    this.list.style.height = `${top}px`;
    for (const part of [...this.cells, ...this.headings]) part[1].dataset.old = "";
    this.draw();
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    if (!this.rows.length) return;
    const above = -this.list.getBoundingClientRect().top;
    const spare = innerHeight * OVERSCAN;
    const first = this.rowAt(above - spare);
    const last = this.rowAt(above + innerHeight + spare);
    const wanted = new Set([this.active]);
    const titles = new Set();
    for (const row of this.rows.slice(first, last + 1)) {
      if (row.count) for (let i = 0; i < row.count; i++) wanted.add(row.first + i);
      else titles.add(row.section);
    }
    this.drop(this.cells, wanted);
    this.drop(this.headings, titles);
    for (const index of wanted) if (index < this.total) this.place(index);
    for (const section of titles) this.head(section);
    const inSight = this.rows.slice(first, last + 1).filter((row) => row.count);
    if (inSight.length) this.onSight(inSight[0].first, inSight.at(-1).first + inSight.at(-1).count);
  }

  drop(parts, wanted) {
    for (const [key, part] of parts) {
      if (wanted.has(key)) continue;
      part.remove();
      parts.delete(key);
    }
  }

  /** The number of the row at a distance from the top. */
  rowAt(top) {
    let [low, high] = [0, this.rows.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rows[middle].top <= top) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  rowOf(index) {
    let [low, high] = [0, this.rows.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rows[middle].first <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  place(index) {
    let element = this.cells.get(index);
    if (element && element.dataset.old === undefined) return;
    if (!element) element = this.make(index);
    const row = this.rows[this.rowOf(index)];
    const left = (index - row.first) * (this.side + this.gap);
    element.style.transform = `translate(${left}px, ${row.top}px)`;
    element.style.width = `${this.side}px`;
    element.style.height = `${this.high}px`;
    delete element.dataset.old;
  }

  make(index) {
    const element = this.cell(index);
    element.dataset.index = index;
    element.setAttribute("aria-setsize", this.total);
    element.setAttribute("aria-posinset", index + 1);
    for (const part of element.querySelectorAll("a, button")) {
      part.tabIndex = index === this.active ? 0 : -1;
    }
    this.cells.set(index, element);
    // In order, so that reading by screen reader goes as the eye does.
    let before = this.list.lastElementChild;
    while (before && !(Number(before.dataset.index) < index)) before = before.previousElementSibling;
    if (before) before.after(element);
    else this.list.prepend(element);
    return element;
  }

  head(section) {
    let element = this.headings.get(section);
    if (!element) {
      element = h("li", { class: "heading", role: "presentation" }, h("h2", {}, this.sections[section].title));
      this.headings.set(section, element);
      this.list.append(element);
    }
    const row = this.rows.find((each) => !each.count && each.section === section);
    element.style.transform = `translateY(${row.top}px)`;
  }

  /** Make a cell anew: its content has changed. */
  renew(index) {
    const element = this.cells.get(index);
    if (!element) return;
    const focused = element.contains(document.activeElement);
    element.remove();
    this.cells.delete(index);
    this.make(index);
    this.place(index);
    this.cells.get(index).dataset.old = "";
    this.place(index);
    if (focused) this.focus(index);
  }

  activate(index) {
    if (index === this.active) return;
    for (const [each, on] of [[this.active, false], [index, true]]) {
      for (const part of this.cells.get(each)?.querySelectorAll("a, button") ?? []) {
        part.tabIndex = on ? 0 : -1;
      }
    }
    this.active = index;
  }

  /** Move the focus to an item, and into sight. */
  focus(index) {
    if (!this.total) return;
    index = Math.max(0, Math.min(index, this.total - 1));
    const row = this.rows[this.rowOf(index)];
    const top = this.list.getBoundingClientRect().top + row.top;
    const margin = 90;
    if (top < margin) scrollBy({ top: top - margin, behavior: "instant" });
    else if (top + row.height > innerHeight - margin) {
      scrollBy({ top: top + row.height - innerHeight + margin, behavior: "instant" });
    }
    this.activate(index);
    this.draw();
    this.place(index);
    this.cells.get(index).querySelector("a, button").focus({ preventScroll: true });
  }

  get hasFocus() {
    return this.list.contains(document.activeElement);
  }

  scrollToSection(section) {
    const row = this.rows.find((each) => each.section === section);
    scrollBy({ top: this.list.getBoundingClientRect().top + row.top - 80, behavior: "instant" });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns,
      Home: -this.total, End: this.total,
    }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.focus(this.active + step);
  }

  end() {
    this.listening.abort();
    this.watcher.disconnect();
    cancelAnimationFrame(this.frame);
  }
}
