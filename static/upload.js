/* Pictures dropped or chosen, sent a few files at a time, each with a bar of its own. What fails is kept and can be
   sent again; what the server refuses is listed with its sentence. A single picture is answered for at once; an archive
   is left to a worker, and its bar goes on with how far that is. Without this module the form sends all at once. */

import { takeDropped } from "./dropping.js";

const AT_ONCE = 3; // files on their way; the server checks one while others travel
const MOST_NOTES = 200; // sentences shown for one archive
const POLL_MS = 1000; // between two looks at how far a worker is
const MOST_ROWS = 300; // finished files that stay listed when nothing is to be said of them

const form = document.getElementById("upload");
const section = document.getElementById("uploads");
const list = document.getElementById("upload-list");
const said = document.getElementById("upload-said");
const retry = document.getElementById("retry");
const drop = form.querySelector("[data-drop]");
const input = form.elements.files;
const folder = document.getElementById("folder");
const words = Object.fromEntries(
  [...document.getElementById("upload-words").content.querySelectorAll("[data-word]")].map((each) => [
    each.dataset.word,
    each.textContent,
  ]),
);

const lang = document.documentElement.lang; // in which numbers are written

const waiting = [];
const failed = [];
const finished = []; // rows with nothing to be read in them, the oldest first
const counts = { files: 0, done: 0, added: 0, there: 0, refused: 0, near: 0 };
let nSending = 0;

// --- What was chosen ------------------------------------------------------------------------------------------

function add(file, name = file.webkitRelativePath || file.name) {
  const row = document.getElementById("upload-row").content.firstElementChild.cloneNode(true);
  const upload = { file, name, row, bar: row.querySelector("progress"), state: row.querySelector(".upload-state"), nTold: 0 };
  row.querySelector(".upload-name").textContent = name;
  upload.bar.setAttribute("aria-label", name);
  upload.state.textContent = words.waiting;
  list.append(row);
  section.hidden = false;
  waiting.push(upload);
  counts.files += 1;
  next();
}

/** Read a folder that was dropped: a browser gives its entries a hundred at a time. */
async function walk(entry, path = "") {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    add(file, path + entry.name);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return;
    for (const inner of entries) await walk(inner, `${path}${entry.name}/`);
  }
}

async function take(transfer) {
  // The list is emptied as soon as this function waits, so everything is asked of it first.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) {
    for (const file of [...transfer.files]) add(file);
    return;
  }
  for (const entry of entries) if (entry) await walk(entry);
}

// --- Sending --------------------------------------------------------------------------------------------------

function next() {
  while (nSending < AT_ONCE && waiting.length) send(waiting.shift());
  say();
}

function send(upload) {
  if (upload.file.size > form.dataset.mostMib * 2 ** 20) {
    fail(upload, words["too-large"], false);
    return;
  }
  nSending += 1;
  upload.state.textContent = words.sending;
  const body = new FormData();
  for (const name of ["source", "licence", "credit"]) body.append(name, form.elements[name].value);
  // Only its name travels with a file, so what it lay in is said beside it.
  const folder = upload.name.split("/").at(-2) ?? form.elements.folder?.value;
  if (folder) body.append("folder", folder);
  body.append("files", upload.file);
  const request = new XMLHttpRequest();
  request.open("POST", form.dataset.url);
  request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
  request.setRequestHeader("Accept", "application/json");
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) upload.bar.value = event.loaded / event.total;
  });
  request.upload.addEventListener("load", () => {
    upload.bar.removeAttribute("value"); // how long checking takes is not known
    upload.state.textContent = words.checking;
  });
  request.addEventListener("load", () => {
    if (request.status === 200 && request.response) finish(upload, request.response);
    else if (request.status === 202 && request.response) follow(upload, request.response);
    else if (request.status === 401) fail(upload, words["signed-out"]);
    else fail(upload, request.response?.detail ?? words.error);
  });
  request.addEventListener("error", () => fail(upload, words.offline));
  // Whatever came of it, the next one sets off.
  request.addEventListener("loadend", () => {
    nSending -= 1;
    next();
  });
  request.send(body);
}

function note(upload, text) {
  const item = document.createElement("li");
  item.textContent = text;
  upload.row.querySelector(".upload-notes").append(item);
  return item;
}

function fail(upload, why, isWorthAnotherTry = true) {
  upload.bar.value = 0;
  upload.state.textContent = words.failed;
  upload.state.classList.add("is-refused");
  note(upload, why);
  if (isWorthAnotherTry) failed.push(upload);
  else counts.done += 1;
}

/** Show how far a worker is with what was sent, until it has ended. */
function follow(upload, intake) {
  show(upload, intake);
  if (intake.state === "finished") finish(upload, intake);
  else if (intake.state === "failed") end(upload, intake);
  else setTimeout(() => look(upload, intake), POLL_MS);
}

async function look(upload, intake) {
  let found = intake; // while the connection is lost, what was known last stays
  try {
    const response = await fetch(intake.url, { headers: { Accept: "application/json" } });
    if (response.ok) found = await response.json();
    else if (response.status < 500) return; // signed out, or gone; its own page says more
  } catch {
    // and one looks again
  }
  follow(upload, found);
  say();
}

function show(upload, intake) {
  const aside = upload.row.querySelector("[data-aside]");
  const isWaiting = intake.n_done === 0 && intake.state !== "running";
  const done = intake.n_done.toLocaleString(lang);
  const all = intake.n_files ? ` ${words.of} ${intake.n_files.toLocaleString(lang)}` : "";
  const link = document.createElement("a");
  link.href = intake.page;
  link.textContent = words.report;
  aside.hidden = false;
  aside.replaceChildren(isWaiting ? `${words.stored} ` : `${words.taking} ${done}${all}. `, link);
  upload.state.textContent = isWaiting ? words.waiting : words.checking;
  if (intake.n_files) upload.bar.value = intake.n_done / intake.n_files;
  else upload.bar.removeAttribute("value");
  tell(upload, intake);
}

/** What a worker gave up on is not sent again by itself: most of it may be there. */
function end(upload, intake) {
  fail(upload, intake.detail, false);
}

function finish(upload, report) {
  upload.bar.value = 1;
  counts.done += 1;
  const isMany = report.n_added + report.n_there + report.n_refused > 1;
  const told = [];
  for (const kind of ["added", "there", "refused"]) {
    counts[kind] += report[`n_${kind}`];
    const n = report[`n_${kind}`];
    if (n) told.push(isMany ? `${n.toLocaleString(lang)} ${said.dataset[kind]}` : said.dataset[kind]);
  }
  upload.state.textContent = told.join(", ");
  upload.state.classList.toggle("is-refused", report.n_refused > 0);
  if (!tell(upload, report)) finished.push(upload.row);
  if (finished.length > MOST_ROWS) finished.shift().remove(); // a page of 100,000 rows would stand still
}

/** List what is to be said of single files, those that are new since the last time; return how many are listed. */
function tell(upload, report) {
  const notable = report.files.filter((file) => file.detail || file.near.length);
  for (const file of notable.slice(upload.nTold, MOST_NOTES)) {
    const name = file.name === upload.file.name ? "" : `${file.name}: `;
    if (file.detail) note(upload, name + file.detail).dir = "auto";
    if (file.near.length) like(note(upload, `${name}${words.near} `), file.near[0]);
    counts.near += file.near.length > 0;
  }
  upload.nTold = notable.length;
  return notable.length;
}

/** Show the picture that a new one looks like. */
function like(item, sha256) {
  const link = document.createElement("a");
  link.href = `/pictures/${sha256}/`;
  const image = document.createElement("img");
  image.src = `/pictures/${sha256}/small/`;
  image.alt = sha256.slice(0, 12);
  link.append(image);
  item.append(link);
}

function say() {
  const parts = ["added", "there", "refused"].map((kind) => `${counts[kind].toLocaleString(lang)} ${said.dataset[kind]}`);
  if (counts.near) parts.push(`${counts.near.toLocaleString(lang)} ${said.dataset.near}`);
  if (failed.length) parts.push(`${failed.length.toLocaleString(lang)} ${said.dataset.failed}`);
  const isSending = nSending > 0 || waiting.length > 0;
  const progress = `${said.dataset.sending} ${counts.done.toLocaleString(lang)} / ${counts.files.toLocaleString(lang)}. `;
  said.textContent = `${isSending ? progress : ""}${parts.join(", ")}.`;
  retry.hidden = !failed.length;
  document.getElementById("upload-near").hidden = !counts.near;
}

// --- The form, taken over -------------------------------------------------------------------------------------

for (const hint of form.querySelectorAll("[data-hint]")) hint.hidden = false;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  for (const file of [...input.files, ...folder.files]) add(file);
  input.value = folder.value = "";
});
form.querySelector("[data-choose-folder]").addEventListener("click", () => folder.click());
folder.addEventListener("change", () => form.requestSubmit());
input.required = false; // a folder may have been chosen instead

retry.addEventListener("click", () => {
  for (const upload of failed.splice(0)) {
    upload.state.classList.remove("is-refused");
    upload.state.textContent = words.waiting;
    upload.row.querySelector(".upload-notes").replaceChildren();
    waiting.push(upload);
  }
  next();
});

takeDropped(drop, take);
window.addEventListener("beforeunload", (event) => {
  if (nSending || waiting.length) event.preventDefault(); // what is on its way would be lost
});
