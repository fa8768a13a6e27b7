/** The files found. Only the rows in sight are in the document, so ten thousand cost no more than fifty. */

import { downloadLink } from "./archive.js";
import { dashed } from "./filters.js";

const ROW_PIXELS = 32;
const SPARE_ROWS = 12;

const NAME = { field: "name", title: "File" };
const INSTRUMENT = { field: "instrument", title: "Instrument" };
const LEVEL = { field: "data_level", title: "Level" };
const DESCRIPTOR = { field: "descriptor", title: "Descriptor" };
const DAY = { field: "start_date", title: "Day", show: (text) => dashed(text ?? "") };
const VERSION = { field: "version", title: "Version" };
const ARCHIVED = { field: "archived", title: "Archived, UTC", show: (text) => text.slice(0, 16) };
const COLUMNS = {
  science: [NAME, INSTRUMENT, LEVEL, DESCRIPTOR, DAY, VERSION, ARCHIVED],
  ancillary: [NAME, INSTRUMENT, DESCRIPTOR, DAY, VERSION, ARCHIVED],
  spice: [NAME, { field: "type", title: "Type" }, DAY, VERSION, ARCHIVED],
};

const compare = new Intl.Collator("en", { numeric: true }).compare;

export class FileTable {
  #scroller;
  #head;
  #body;
  #changed;
  #download;
  #files = [];
  #columns = COLUMNS.science;
  #selected = new Set();
  #sort = { field: "start_date", down: true };
  #active = 0;
  #anchor = 0;
  #rows = new Map();
  #above = element("div");
  #below = element("div");

  /** `changed` hears of a new selection; `download` of files to be downloaded. */
  constructor(scroller, { changed, download }) {
    this.#scroller = scroller;
    [this.#head, this.#body] = scroller.children;
    this.#changed = changed;
    this.#download = download;
    scroller.addEventListener("scroll", () => this.#draw(), { passive: true });
    scroller.addEventListener("keydown", (event) => this.#pressed(event));
    this.#head.addEventListener("click", (event) => this.#headClicked(event));
    this.#body.addEventListener("click", (event) => this.#bodyClicked(event));
    this.#body.replaceChildren(this.#above, this.#below);
    new ResizeObserver(() => this.#draw()).observe(scroller);
  }

  get selected() {
    return this.#files.filter((file) => this.#selected.has(file.key));
  }

  get total() {
    return this.#files.length;
  }

  show(table, files) {
    this.#columns = COLUMNS[table];
    this.#files = files;
    this.#selected.clear();
    this.#active = this.#anchor = 0;
    this.#scroller.dataset.table = table;
    this.#scroller.scrollTop = 0;
    this.#order();
    this.#drawHead();
    this.#draw();
    this.#changed();
  }

  #order() {
    const { field, down } = this.#sort;
    const sign = down ? -1 : 1;
    this.#files.sort((a, b) => sign * compare(a[field] ?? "", b[field] ?? "") || compare(a.name, b.name));
    for (const index of [...this.#rows.keys()]) this.#drop(index);
  }

  #drawHead() {
    const cells = this.#columns.map((column) => {
      const cell = element("span", { role: "columnheader", "aria-sort": this.#sorted(column) });
      const button = element("button", { type: "button", "data-field": column.field }, column.title);
      cell.append(button);
      return cell;
    });
    const box = element("span", { role: "columnheader", class: "check" });
    box.append(element("input", { type: "checkbox", "aria-label": "Select all files" }));
    this.#head.replaceChildren(box, ...cells);
    this.#scroller.setAttribute("aria-colcount", this.#columns.length + 1);
    this.#scroller.setAttribute("aria-rowcount", this.#files.length + 1);
    this.#tickAll();
  }

  #sorted({ field }) {
    if (field !== this.#sort.field) return "none";
    return this.#sort.down ? "descending" : "ascending";
  }

  #tickAll() {
    const all = this.#head.querySelector("input");
    all.checked = this.#files.length > 0 && this.#selected.size === this.#files.length;
    all.indeterminate = !all.checked && this.#selected.size > 0;
  }

  /** Rows that stay in sight stay the same elements: a click on one that is replaced in its midst would be lost. */
  #draw() {
    const { scrollTop, clientHeight } = this.#scroller;
    const first = Math.max(0, Math.floor(scrollTop / ROW_PIXELS) - SPARE_ROWS);
    const last = Math.min(this.#files.length, first + Math.ceil(clientHeight / ROW_PIXELS) + 2 * SPARE_ROWS);
    this.#above.style.height = `${first * ROW_PIXELS}px`;
    this.#below.style.height = `${(this.#files.length - last) * ROW_PIXELS}px`;
    for (const index of [...this.#rows.keys()]) if (index < first || index >= last) this.#drop(index);
    let next = this.#above.nextSibling;
    for (let index = first; index < last; index += 1) {
      const row = this.#rows.get(index) ?? this.#add(index, next);
      this.#mark(row, index);
      next = row.nextSibling;
    }
    if (this.#files.length) this.#scroller.setAttribute("aria-activedescendant", `row-${this.#active}`);
    else this.#scroller.removeAttribute("aria-activedescendant");
  }

  #drop(index) {
    this.#rows.get(index).remove();
    this.#rows.delete(index);
  }

  #add(index, next) {
    const file = this.#files[index];
    const row = element("div", { role: "row", id: `row-${index}`, "aria-rowindex": index + 2, "data-index": index });
    const check = element("span", { role: "gridcell", class: "check" });
    check.append(element("input", { type: "checkbox", tabindex: -1, "aria-label": `Select ${file.name}` }));
    row.append(check, ...this.#columns.map((column) => this.#cell(column, file)));
    this.#rows.set(index, row);
    this.#body.insertBefore(row, next);
    return row;
  }

  #mark(row, index) {
    const chosen = this.#selected.has(this.#files[index].key);
    row.className = index === this.#active ? "row active" : "row";
    row.setAttribute("aria-selected", chosen);
    row.querySelector("input").checked = chosen;
  }

  #cell({ field, show = String }, file) {
    const cell = element("span", { role: "gridcell", class: field });
    if (field !== "name") cell.textContent = show(file[field] ?? "");
    else cell.append(element("a", { href: downloadLink(file.key), tabindex: -1, title: file.key }, file.name));
    return cell;
  }

  #headClicked({ target }) {
    if (target.type === "checkbox") this.#choose(target.checked ? this.#files : []);
    const field = target.dataset.field;
    if (!field) return;
    this.#sort = { field, down: this.#sort.field === field && !this.#sort.down };
    this.#order();
    this.#drawHead();
    this.#draw();
    this.#head.querySelector(`[data-field="${field}"]`).focus();
  }

  #bodyClicked(event) {
    const row = event.target.closest("[data-index]");
    if (!row) return;
    this.#active = Number(row.dataset.index);
    if (event.target.closest("a")) {
      if (event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.#download([this.#files[this.#active]]);
      this.#draw();
      return;
    }
    if (event.shiftKey) this.#chooseRange();
    else this.#toggle();
  }

  #pressed(event) {
    if (event.target !== this.#scroller || !this.#files.length) return;
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / ROW_PIXELS) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) this.#move(steps[event.key], event.shiftKey);
    else if (event.key === " ") this.#toggle();
    else if (event.key === "Enter") this.#download([this.#files[this.#active]]);
    else if (event.key === "Escape") this.#choose([]);
    else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) this.#choose(this.#files);
    else return;
    event.preventDefault();
  }

  #move(step, choosing) {
    this.#active = Math.min(this.#files.length - 1, Math.max(0, this.#active + step));
    const top = this.#active * ROW_PIXELS;
    const room = this.#scroller.clientHeight - 2 * ROW_PIXELS;
    const { scrollTop } = this.#scroller;
    this.#scroller.scrollTop = Math.min(top, Math.max(scrollTop, top - room));
    if (choosing) this.#chooseRange();
    else this.#draw();
  }

  #toggle() {
    const { key } = this.#files[this.#active];
    if (!this.#selected.delete(key)) this.#selected.add(key);
    this.#anchor = this.#active;
    this.#chosen();
  }

  #chooseRange() {
    const [first, last] = [this.#anchor, this.#active].sort((a, b) => a - b);
    this.#choose(this.#files.slice(first, last + 1));
  }

  #choose(files) {
    this.#selected = new Set(files.map((file) => file.key));
    this.#chosen();
  }

  #chosen() {
    this.#draw();
    this.#tickAll();
    this.#changed();
  }
}

/** Text goes in as text: names are as hostile as whoever chose them. */
export function element(tag, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}
