/** Wires the page: filters ask the archive; its answers become the table, the calendar and the command. */

import * as archive from "./archive.js";
import { Calendar } from "./calendar.js";
import * as filters from "./filters.js";
import { FileTable } from "./table.js";
import { Uploads } from "./uploads.js";

const MOST_DOWNLOADS = 10;

const $ = (id) => document.getElementById(id);
const form = $("filters");
let about;
let current = { table: "science" };
let command = "";
let asked = 0;
const frames = [];

const table = new FileTable($("scroller"), { changed: showCommand, download });
const calendar = new Calendar({
  grid: $("calendar"), note: $("coverage-note"), shown: $("span-shown"), length: $("span"),
  earlier: $("earlier"), later: $("later"), chosen: chooseDay,
});

/** Ask for what the form says; of two answers that overtake each other, the later question's counts. */
async function search() {
  const ours = ++asked;
  current = filters.read(form);
  document.body.classList.add("asking");
  const hasDays = current.table !== "spice";
  $("coverage").hidden = !hasDays;
  const answers = await Promise.allSettled([archive.search(current), hasDays ? archive.days(current) : []]);
  if (ours !== asked) return;
  document.body.classList.remove("asking");
  const [files, days] = answers.map((answer) => answer.value ?? []);
  table.show(current.table, files);
  if (hasDays) calendar.show(days, current);
  const refusal = answers.find((answer) => answer.status === "rejected");
  if (refusal) tell(refusal.reason.message, true);
  $("nothing").hidden = files.length > 0;
  $("nothing").textContent = refusal ? "Nothing to show." : emptiness();
}

/** Why there may be nothing, and what to do about it. */
function emptiness() {
  if (about.has_keys && !archive.hasKey()) return "No file in public view matches. With an API key there may be more.";
  const isFiltered = Object.keys(current).length > 1;
  return isFiltered ? "No file matches. Clear a filter to see more." : "Nothing is archived here yet. Drop files to begin.";
}

function submit(event) {
  event?.preventDefault();
  const wanted = filters.address(filters.read(form));
  if (wanted !== location.pathname + location.search) history.pushState(null, "", wanted);
  return search();
}

function fromAddress() {
  filters.write(form, filters.fromAddress(location.search), about);
  return search();
}

async function chooseDay(instrument = "", day = "") {
  form.elements.instrument.value = instrument;
  form.elements.start_date.value = form.elements.end_date.value = filters.dashed(day);
  const { activeElement } = document;
  const focused = { ...activeElement?.dataset };
  await submit();
  if (focused.day) calendar.focus(focused.instrument, focused.day);
}

function showCommand() {
  const chosen = table.selected;
  const { total } = table;
  command = filters.command(location.origin, current, chosen.length < total ? chosen.map((file) => file.name) : []);
  $("command").textContent = command.split("\n", 1)[0];
  $("copy").textContent = "Copy";
  const files = `${total.toLocaleString("en")} ${total === 1 ? "file" : "files"}`;
  tell(chosen.length ? `${files}, ${chosen.length.toLocaleString("en")} selected` : files);
  $("download").disabled = !chosen.length || chosen.length > MOST_DOWNLOADS;
  $("download").title = chosen.length > MOST_DOWNLOADS ? "The command brings as many as you like" : "";
}

function tell(text, isRefusal = false) {
  $("count").textContent = text;
  $("count").classList.toggle("refusal", isRefusal);
}

async function copy() {
  try {
    await navigator.clipboard.writeText(command);
    $("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren($("command")); // not allowed: one key press is left to do
    $("copy").textContent = "Press Ctrl+C";
  }
}

async function download(files) {
  for (const { key } of files) {
    try {
      follow(archive.hasKey() ? await archive.signDownload(key) : archive.downloadLink(key));
    } catch (error) {
      tell(error.message, true);
      return;
    }
  }
}

/** Go there in a frame of its own: the answer is a file, so nothing is shown, and several go on side by side. */
function follow(address) {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.src = address;
  frames.push(document.body.appendChild(frame));
  if (frames.length > 2 * MOST_DOWNLOADS) frames.shift().remove();
}

function takeKey(event) {
  event.preventDefault();
  archive.useKey($("key").value);
  $("key-note").textContent = archive.hasKey() ? "in use, for this page alone" : "public view";
  search();
}

async function start() {
  about = await archive.about();
  $("host").textContent = location.host;
  $("key-form").hidden = !about.has_keys;
  filters.fill(form, about);
  form.addEventListener("submit", submit);
  form.addEventListener("change", ({ target }) => target.checkValidity() && submit());
  form.addEventListener("reset", () => setTimeout(() => {
    filters.showTable(form, about);
    submit();
  }));
  addEventListener("popstate", fromAddress);
  $("copy").addEventListener("click", copy);
  $("download").addEventListener("click", () => download(table.selected));
  $("key-form").addEventListener("submit", takeKey);
  new Uploads({ drop: $("drop"), chooser: $("chooser"), list: $("uploads"), bucket: about.has_bucket, done: search });
  await fromAddress();
  document.body.classList.add("ready");
}

start();
