/** What exists per instrument and day; the days in between on which nothing exists are what one looks for. */

import { element } from "./table.js";

const DAY_MS = 86_400_000;
const MONTHS = { month: 1, quarter: 3, half: 6, year: 12 };
const ROOMY_PIXELS = 640;
const LONG = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const MONTH = new Intl.DateTimeFormat("en-GB", { month: "short", timeZone: "UTC" });

export class Calendar {
  #grid;
  #note;
  #shown;
  #length;
  #chosen;
  #counts = new Map();
  #moment = 0;
  #mark = "";

  /** `chosen` hears of (instrument, YYYYMMDD), or of nothing when the chosen cell is chosen again. */
  constructor({ grid, note, shown, length, earlier, later, chosen }) {
    this.#grid = grid;
    this.#note = note;
    this.#shown = shown;
    this.#length = length;
    this.#chosen = chosen;
    length.addEventListener("change", () => this.#turn(0));
    earlier.addEventListener("click", () => this.#turn(-1));
    later.addEventListener("click", () => this.#turn(1));
    grid.addEventListener("click", ({ target }) => target.dataset.day && this.#choose(target));
    grid.addEventListener("keydown", (event) => this.#pressed(event));
    grid.addEventListener("pointerover", ({ target }) => target.dataset.day && this.#tell(target));
    grid.addEventListener("focusin", ({ target }) => target.dataset.day && this.#tell(target));
    grid.addEventListener("pointerleave", () => this.#tellSummary());
  }

  /** `days`: rows of [instrument, YYYYMMDD, files]. Time stays where it is while it shows something. */
  show(days, filters) {
    this.#counts = new Map();
    for (const [instrument, day, files] of days) {
      if (!this.#counts.has(instrument)) this.#counts.set(instrument, new Map());
      this.#counts.get(instrument).set(day, files);
    }
    this.#mark = filters.start_date && filters.start_date === filters.end_date ? filters.start_date : "";
    this.#mark &&= `${filters.instrument ?? ""} ${this.#mark}`;
    const { start, end } = this.#period();
    if (!days.some(([, day]) => written(start) <= day && day < written(end))) this.#goToNewest(days);
    this.#draw();
  }

  #goToNewest(days) {
    const all = days.map(([, day]) => day).sort();
    if (!all.length) return;
    const [oldest, newest] = [parse(all[0]), parse(all.at(-1))];
    this.#length.value = lengthFor((newest - oldest) / DAY_MS, this.#grid.clientWidth);
    this.#moment = newest;
  }

  #months() {
    return MONTHS[this.#length.value];
  }

  #turn(step) {
    const date = new Date(this.#moment);
    if (step) this.#moment = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + step * this.#months(), 1);
    this.#draw();
  }

  /** The month, quarter, half or whole year around the moment: its first day, and that after its last. */
  #period() {
    const date = new Date(this.#moment);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    const first = month - (month % this.#months());
    return { start: Date.UTC(year, first, 1), end: Date.UTC(year, first + this.#months(), 1) };
  }

  #draw() {
    const { start, end } = this.#period();
    const days = Math.round((end - start) / DAY_MS);
    const dates = Array.from({ length: days }, (_, index) => start + index * DAY_MS);
    this.#grid.dataset.span = this.#length.value;
    this.#grid.style.setProperty("--days", days);
    this.#shown.value = title(start, end - DAY_MS);
    const rows = [...this.#counts].map(([instrument, counts]) => this.#row(instrument, counts, dates));
    this.#grid.replaceChildren(...(rows.length ? [scale(dates, this.#length.value), ...rows] : []));
    this.#grid.querySelector(".marked, .cell")?.setAttribute("tabindex", 0);
    this.#tellSummary();
  }

  #row(instrument, counts, dates) {
    const known = [...counts.keys()].sort();
    const [first, last] = [known[0], known.at(-1)];
    const cells = dates.map((date) => {
      const day = written(date);
      const files = counts.get(day) ?? 0;
      return this.#cell(instrument, day, files, !files && first < day && day < last);
    });
    const row = element("div", { role: "row", class: "days" });
    const gaps = cells.filter((cell) => cell.classList.contains("gap")).length;
    const tally = element("span", { role: "gridcell", class: gaps ? "tally gaps" : "tally" });
    tally.textContent = gaps ? `${gaps} missing` : "";
    row.append(element("span", { role: "rowheader" }, instrument), ...cells, tally);
    return row;
  }

  #cell(instrument, day, files, isGap) {
    const cell = element("span", {
      role: "gridcell", tabindex: -1, class: isGap ? "cell gap" : "cell",
      "data-instrument": instrument, "data-day": day, "data-files": files, "data-level": level(files),
      "aria-label": `${instrument}, ${LONG.format(parse(day))}: ${words(files)}`,
    });
    const isMarked = this.#mark === `${instrument} ${day}` || this.#mark === ` ${day}`;
    if (isMarked) cell.classList.add("marked");
    cell.setAttribute("aria-selected", isMarked);
    return cell;
  }

  #choose(cell) {
    if (cell.classList.contains("marked")) this.#chosen();
    else {
      this.#moment = parse(cell.dataset.day);
      this.#chosen(cell.dataset.instrument, cell.dataset.day);
    }
  }

  #pressed(event) {
    const cell = event.target;
    if (!cell.dataset.day) return;
    if (event.key === "Enter" || event.key === " ") this.#choose(cell);
    else if (!this.#step(cell, event.key)) return;
    event.preventDefault();
  }

  #step(cell, key) {
    const above = (row) => row?.querySelector(`[data-day="${cell.dataset.day}"]`);
    const next = {
      ArrowLeft: () => cell.previousElementSibling,
      ArrowRight: () => cell.nextElementSibling,
      ArrowUp: () => above(cell.parentElement.previousElementSibling),
      ArrowDown: () => above(cell.parentElement.nextElementSibling),
      Home: () => cell.parentElement.querySelector(".cell"),
      End: () => [...cell.parentElement.querySelectorAll(".cell")].at(-1),
    }[key]?.();
    if (!next?.dataset.day) return false;
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    return true;
  }

  /** Put the focus where it was before the cells were made anew. */
  focus(instrument, day) {
    const cells = [...this.#grid.querySelectorAll(`[data-day="${day}"]`)];
    cells.find((cell) => cell.dataset.instrument === instrument)?.focus();
  }

  #tell({ dataset }) {
    this.#note.textContent = `${dataset.instrument} · ${LONG.format(parse(dataset.day))} · ${words(Number(dataset.files))}`;
  }

  #tellSummary() {
    const gaps = this.#grid.querySelectorAll(".gap").length;
    const full = this.#grid.querySelectorAll(".cell:not([data-level='0'])").length;
    if (!this.#counts.size) this.#note.textContent = "Nothing matches.";
    else this.#note.textContent = `${full.toLocaleString("en")} instrument days with files, ${gaps || "none"} missing in between`;
  }
}

function scale(dates, span) {
  const row = element("div", { class: "days scale", "aria-hidden": true });
  row.append(element("span"));
  for (const [index, date] of dates.entries()) {
    const day = new Date(date).getUTCDate();
    const text = span === "month" ? String(day) : MONTH.format(date);
    if (span !== "month" && day !== 1) continue;
    const tick = element("span", {}, text);
    tick.style.gridColumn = `${index + 2} / span ${span === "month" ? 1 : 25}`;
    row.append(tick);
  }
  return row;
}

/** As much time as there is something to see in, if the screen is wide enough for it. */
function lengthFor(days, pixels) {
  if (days <= 31) return "month";
  if (days <= 92 || pixels < ROOMY_PIXELS) return "quarter";
  return days <= 184 ? "half" : "year";
}

function title(first, last) {
  const [from, to] = [MONTH.format(first), MONTH.format(last)];
  return `${from === to ? from : `${from} – ${to}`} ${new Date(first).getUTCFullYear()}`;
}

/** 0 to 4: nothing, one, a few, several, many. */
function level(files) {
  return files && Math.min(4, 1 + Math.floor(Math.log2(files)));
}

function words(files) {
  if (!files) return "no file";
  return files === 1 ? "1 file" : `${files} files`;
}

function parse(day) {
  return Date.UTC(day.slice(0, 4), day.slice(4, 6) - 1, day.slice(6, 8));
}

function written(moment) {
  return new Date(moment).toISOString().slice(0, 10).replaceAll("-", "");
}
