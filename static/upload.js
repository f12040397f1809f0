/* Pictures dropped or chosen, sent a few files at a time, each with a bar of its own. What fails is kept and can be
   sent again; what the server refuses is listed with its sentence. Without this module the form sends all at once. */

const AT_ONCE = 3; // files on their way; the server checks one while others travel
const MOST_NOTES = 200; // sentences shown for one archive
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

const waiting = [];
const failed = [];
const finished = []; // rows with nothing to be read in them, the oldest first
const counts = { files: 0, done: 0, added: 0, there: 0, refused: 0, near: 0 };
let nSending = 0;

// --- What was chosen ------------------------------------------------------------------------------------------

function add(file, name = file.webkitRelativePath || file.name) {
  const row = document.getElementById("upload-row").content.firstElementChild.cloneNode(true);
  const upload = { file, name, row, bar: row.querySelector("progress"), state: row.querySelector(".upload-state") };
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

function fail(upload, why) {
  upload.bar.value = 0;
  upload.state.textContent = words.failed;
  upload.state.classList.add("is-refused");
  note(upload, why);
  failed.push(upload);
}

function finish(upload, report) {
  upload.bar.value = 1;
  counts.done += 1;
  const told = [];
  for (const kind of ["added", "there", "refused"]) {
    counts[kind] += report[`n_${kind}`];
    if (report[`n_${kind}`]) told.push(report.files.length > 1 ? `${report[`n_${kind}`]} ${said.dataset[kind]}` : said.dataset[kind]);
  }
  upload.state.textContent = told.join(", ");
  upload.state.classList.toggle("is-refused", report.n_refused > 0);
  const notable = report.files.filter((file) => file.detail || file.near.length);
  for (const file of notable.slice(0, MOST_NOTES)) {
    const name = report.files.length > 1 ? `${file.name}: ` : "";
    if (file.detail) note(upload, name + file.detail);
    if (file.near.length) like(note(upload, `${name}${words.near} `), file.near[0]);
    counts.near += file.near.length > 0;
  }
  if (!notable.length) finished.push(upload.row);
  if (finished.length > MOST_ROWS) finished.shift().remove(); // a page of 100,000 rows would stand still
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
  const parts = ["added", "there", "refused"].map((kind) => `${counts[kind].toLocaleString()} ${said.dataset[kind]}`);
  if (counts.near) parts.push(`${counts.near.toLocaleString()} ${said.dataset.near}`);
  if (failed.length) parts.push(`${failed.length.toLocaleString()} ${said.dataset.failed}`);
  const isSending = nSending > 0 || waiting.length > 0;
  const progress = `${said.dataset.sending} ${counts.done.toLocaleString()} / ${counts.files.toLocaleString()}. `;
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

drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("is-over");
});
drop.addEventListener("dragleave", (event) => {
  if (!drop.contains(event.relatedTarget)) drop.classList.remove("is-over");
});
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("is-over");
  take(event.dataTransfer);
});
window.addEventListener("beforeunload", (event) => {
  if (nSending || waiting.length) event.preventDefault(); // what is on its way would be lost
});
