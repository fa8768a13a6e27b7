/** The filters: read from the form, kept in the address, told as a command. */

const MOST_ARGUMENTS = 20;

const DATES = new Set(["start_date", "end_date", "ingestion_start_date", "ingestion_end_date"]);

/** Take what this archive offers to choose from into the form. */
export function fill(form, about) {
  offer(form.elements.instrument, about.instruments);
  offer(form.elements.data_level, about.data_levels);
  offer(form.elements.type, about.spice_types);
  for (const choice of form.elements.table) choice.closest("label").hidden = !about.tables.includes(choice.value);
  form.querySelector(".tables").hidden = about.tables.length === 1;
  if (!about.has_majors) askForPlainVersions(form);
  form.addEventListener("change", (event) => event.target.name === "table" && showTable(form, about));
  showTable(form, about);
}

/** Offer only what can be asked of the chosen table; what is disabled is not read. */
export function showTable(form, about) {
  const table = form.elements.table.value;
  for (const field of form.querySelectorAll("[data-tables]")) {
    const controls = [...field.querySelectorAll("input, select")];
    field.hidden = !field.dataset.tables.split(" ").includes(table) || controls.some(({ name }) => about.unasked.includes(name));
    for (const control of controls) control.disabled = field.hidden;
  }
  const chosen = form.elements.extension.value;
  offer(form.elements.extension, about.extensions[table] ?? []);
  form.elements.extension.value = (about.extensions[table] ?? []).includes(chosen) ? chosen : "";
}

/** Archives of 2024 had versions vNNN, answered with all of them, and knew no `latest`. */
function askForPlainVersions(form) {
  const version = form.querySelector("input[name=version]");
  Object.assign(version, { placeholder: "all", pattern: "v[0-9]{3}", title: "vNNN" });
  version.removeAttribute("list");
}

/** The conditions that are set, dates as YYYYMMDD; `table` always. */
export function read(form) {
  const given = [...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value);
  return Object.fromEntries(given.map(([name, value]) => [name, DATES.has(name) ? value.replaceAll("-", "") : value]));
}

/** Set the form to these conditions, and to nothing else. */
export function write(form, filters, about) {
  form.reset();
  form.elements.table.value = about.tables.includes(filters.table) ? filters.table : "science";
  showTable(form, about);
  for (const control of form.elements) {
    if (control.disabled || control.name === "table" || !(control.name in filters)) continue;
    const value = filters[control.name];
    control.value = DATES.has(control.name) ? dashed(value) : value;
  }
}

/** The address of the page with these filters. */
export function address({ table, ...others }) {
  const query = new URLSearchParams(table === "science" ? others : { table, ...others }).toString();
  return query ? `/?${query}` : "/";
}

export function fromAddress(search) {
  return Object.fromEntries(new URLSearchParams(search));
}

/** What pulls the same files in a shell, many names as a manifest; the key stays out of it, in IMAP_API_KEY. */
export function command(origin, { table, ...others }, names) {
  const start = `imap-bulk --url ${quoted(origin)} pull`;
  if (names.length > MOST_ARGUMENTS) return `${start} - <<'END'\n${names.join("\n")}\nEND\n`;
  if (names.length) return `${start} ${names.map(quoted).join(" ")}`;
  const filters = Object.entries(others).map(([name, value]) => `--${name.replaceAll("_", "-")} ${quoted(value)}`);
  if (table !== "science" || !filters.length) filters.unshift(`--table ${table}`);
  return `${start} ${filters.join(" ")}`;
}

export function dashed(day) {
  return day.replace(/^(\d{4})(\d\d)(\d\d)$/, "$1-$2-$3");
}

function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function offer(select, values) {
  select.replaceChildren(select.options[0], ...values.map((value) => new Option(value)));
}
