/** What the page asks the archive. The API key lives in this module's memory, and goes to the API alone. */

let apiKey = "";

export class Refusal extends Error {}

export function useKey(text) {
  apiKey = text.trim();
}

export function hasKey() {
  return apiKey !== "";
}

export async function about() {
  return (await fetch("/page/about")).json();
}

/** The records that match, each with the object key as `key` and what the table shows. */
export async function search(filters) {
  if (filters.table === "spice") {
    return (await ask("/spice-query", spiceParameters(filters))).map(fromKernel);
  }
  const found = (await ask("/query", parameters(filters))).map(fromProduct);
  // The archive knows `latest` of science files and kernels alone.
  return filters.table === "ancillary" && filters.version === "latest" ? newest(found) : found;
}

/** How many files there are of each instrument and day, whatever instrument and days are chosen. */
export async function days(filters) {
  const { instrument, start_date, end_date, ...others } = filters;
  return ask("/page/days", parameters(others));
}

/** The pre-signed PUT URL for a new file. */
export async function signUpload(name) {
  return ask(`/upload/${encodeURIComponent(name)}`);
}

/** Where a link to a file leads: the browser follows the redirect to storage by itself. */
export function downloadLink(key) {
  return `/download/${key.split("/").map(encodeURIComponent).join("/")}`;
}

/** The pre-signed GET URL: links carry no key, so with a key the page asks first. */
export async function signDownload(key) {
  return (await ask(`/page${downloadLink(key)}`)).download_url;
}

async function ask(path, query = {}) {
  const text = new URLSearchParams(query).toString();
  const address = (apiKey ? `/api-key${path}` : path) + (text && `?${text}`);
  const headers = apiKey ? { "x-api-key": apiKey } : {};
  // A redirect would take the key along to wherever it leads.
  const answer = await fetch(address, { headers, redirect: "error", cache: "no-store" });
  const body = await answer.text();
  if (!answer.ok) throw new Refusal(reason(answer.status, body));
  return unwrapped(JSON.parse(body));
}

/** An archive may print its answers as the documents do, in an envelope. */
function unwrapped(answer) {
  return answer?.statusCode ? answer.body : answer;
}

function reason(status, body) {
  if (status >= 500) return "The archive could not answer. It may be more than one answer holds: narrow the search.";
  if (status === 401 || (status === 403 && body.includes("Forbidden"))) return "This archive does not know that API key.";
  const told = unwrapped(parsed(body));
  return told?.message ?? (typeof told === "string" ? told : body);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function parameters({ table, version, ...others }) {
  const told = { ...others };
  if (table !== "science") told.table = table;
  if (version === "latest" && table === "science") told.latest = "true";
  else if (version && version !== "latest") told.version = version;
  // No parameter at all is an error, and archives of 2024 do not know `table`.
  return Object.keys(told).length ? told : { start_date: "20000101" };
}

function spiceParameters({ type, version }) {
  return { type: type || "kernels", ...(version === "latest" && { latest: "true" }) };
}

function fromProduct(record) {
  return { ...record, key: record.file_path, name: nameOf(record.file_path), archived: moment(record.ingestion_date) };
}

function fromKernel(record) {
  const key = record.file_path ?? `imap/spice/${record.file_name}`;
  const start_date = (record.min_date_datetime ?? record.start_date ?? "").slice(0, 10).replaceAll("-", "");
  const type = record.kernel_type ?? key.split("/").at(-2);
  return {
    key, name: nameOf(key), type, start_date, version: String(record.version ?? ""),
    archived: moment(record.ingestion_date),
  };
}

function newest(files) {
  const series = (file) => [file.instrument, file.descriptor, file.start_date, file.end_date].join();
  const best = new Map();
  for (const file of files) {
    if (file.version > (best.get(series(file)) ?? "")) best.set(series(file), file.version);
  }
  return files.filter((file) => file.version === best.get(series(file)));
}

function nameOf(key) {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** One form for the three that the archive's generations have. */
function moment(text) {
  return (text ?? "").replace(",", "").replace(/^(\d{4})(\d\d)(\d\d)/, "$1-$2-$3");
}
