/* A grid by keyboard and without waiting: arrows move, keys tick, and the next grid of the same noun is here, on loan
   and loaded, before this one is sent. Answers go by way of outbox.js. Without this module the form posts the grid. */

import { Outbox, giveBack, post } from "./outbox.js";
import { countToday } from "./streak.js";

const LOOK_MS = 700; // a key bouncing, or pressed twice, must not send a grid nobody has looked at yet
const RENEW_MS = 240000; // the server renews what it lends before a third of its time is over
const RETRY_MS = 5000;
const VISIT_SHOWN_FROM = 5; // answers of one visit; a rate of fewer says nothing
const MARKS = "nestwork-grid"; // in sessionStorage: what is ticked, for when the page is loaded again,
const NEWS = "nestwork-news"; // and what became of the last grid, for the page of the next noun
const UNSURE_KEYS = new Set(["u", "?", "c"]); // naming pictures, C says so

const config = JSON.parse(document.getElementById("verify-config").textContent);
const form = document.getElementById("verify");
const notice = document.getElementById("notice");
const sendWords = document.getElementById("send-words");
const report = document.getElementById("report");
const look = document.getElementById("look");
const csrfToken = form.elements.csrfmiddlewaretoken.value;
const outbox = new Outbox({ url: config.votesUrl, csrfToken, onResults: hear, onTrouble: complain });

let tiles = []; // of the grid on show
let at = 0; // the tile that has the focus, or had it last
let range = null; // while Shift is held: where it began, and what was ticked then
let isRanging = false; // Shift was held as a picture was pressed
let ahead = null; // the next grid, its pictures loading
let fetching = false;
let isWaiting = false; // sent, and no next grid is here
let isLeaving = false;
let count = config.count + outbox.size;
let shownAt = performance.now();
let hiddenAt = 0;
const visit = { begun: Date.now(), count: 0 };

// --- Tiles --------------------------------------------------------------------------------------------------

function box(tile, name) {
  return tile.querySelector(`input[name=${name}]`);
}

function leasesOf(grid) {
  return [...grid.querySelectorAll(".tile")].map((tile) => Number(tile.dataset.lease));
}

function stateOf(tile) {
  if (box(tile, "cannot_tell").checked) return "cannot_tell";
  return box(tile, "present").checked ? "present" : "absent";
}

function mark(tile, state) {
  box(tile, "present").checked = state === "present";
  box(tile, "cannot_tell").checked = state === "cannot_tell";
}

function toggle(tile, state) {
  mark(tile, stateOf(tile) === state ? "absent" : state);
  tell();
}

/** Make the pictures on the page those that keys are about, from the first on. */
function take(withFocus) {
  tiles = [...form.querySelectorAll(".tile")];
  tiles.forEach((tile) => {
    box(tile, "present").tabIndex = -1;
    box(tile, "cannot_tell").tabIndex = -1; // U does what it does
    tile.querySelector(".closer").tabIndex = -1;
  });
  shownAt = performance.now();
  hiddenAt = 0;
  range = null;
  moveTo(0, false);
  if (withFocus) box(tiles[0], "present").focus({ preventScroll: true }); // the noun above it stays in view
  tell();
}

/** Make one tile the way into the grid by Tab, and the one that keys are about. */
function moveTo(place, withFocus = true) {
  box(tiles[at] ?? tiles[0], "present").tabIndex = -1;
  at = Math.max(0, Math.min(place, tiles.length - 1));
  const tile = tiles[at];
  box(tile, "present").tabIndex = 0;
  report.href = report.href.replace(/pictures\/[0-9a-f]+/, tile.querySelector("img").src.match(/pictures\/[0-9a-f]+/)[0]);
  if (look.open) showCloser();
  else if (withFocus) box(tile, "present").focus();
}

function columns() {
  const top = tiles[0].offsetTop;
  const below = tiles.findIndex((tile) => tile.offsetTop > top);
  return below === -1 ? tiles.length : below;
}

/** Where a key leads from here; null where it does not move. */
function target(key) {
  const end = tiles.length - 1;
  const width = columns();
  const forward = getComputedStyle(form).direction === "rtl" ? -1 : 1;
  const step = { ArrowLeft: -forward, ArrowRight: forward, ArrowUp: -width, ArrowDown: width }[key];
  if (key === "Home") return 0;
  if (key === "End") return end;
  if (step === undefined) return null;
  if (tiles[at + step]) return at + step;
  // The last row may be shorter: down from the row above it leads to its end.
  const isAboveLastRow = Math.floor(at / width) < Math.floor(end / width);
  return key === "ArrowDown" && isAboveLastRow ? end : at;
}

function beginRange() {
  range ??= { from: at, before: tiles.map(stateOf) };
}

/** Tick from where Shift was pressed first to `place`; tiles that fall out of the range are as they were before. */
function tickRange(place) {
  beginRange();
  const [first, last] = [Math.min(range.from, place), Math.max(range.from, place)];
  tiles.forEach((tile, i) => mark(tile, i >= first && i <= last ? "present" : range.before[i]));
  tell();
}

function tickAll() {
  const sure = tiles.filter((tile) => stateOf(tile) !== "cannot_tell");
  const state = sure.every((tile) => stateOf(tile) === "present") ? "absent" : "present";
  sure.forEach((tile) => mark(tile, state));
  tell();
  say(filled(notice.dataset.marked, { present: tally("present"), unsure: tally("cannot_tell") }));
}

function tally(state) {
  return tiles.filter((tile) => stateOf(tile) === state).length;
}

// --- What is said -------------------------------------------------------------------------------------------

function say(words, state = "") {
  notice.textContent = words;
  notice.dataset.state = state;
}

function filled(words, values) {
  const lang = document.documentElement.lang;
  return words.replace(/\{(\w+)\}/g, (_all, name) => values[name].toLocaleString(lang));
}

/** Say on the button what it sends; keep the marks for a page that is loaded again. */
function tell() {
  const present = tally("present");
  const unsure = tally("cannot_tell");
  const { none, some, unsure: alsoUnsure } = sendWords.dataset;
  sendWords.textContent =
    document.getElementById("tiles").dataset.send +
    filled(present ? some : none, { count: present }) +
    (unsure ? filled(alsoUnsure, { count: unsure }) : "");
  if (look.open) showMark();
  remember(MARKS, Object.fromEntries(tiles.map((tile) => [tile.dataset.lease, stateOf(tile)])));
}

function remember(name, what) {
  try {
    sessionStorage.setItem(name, JSON.stringify(what));
  } catch (error) {
    console.warn("Lost if this page is loaded again:", name, error);
  }
}

/** Return what was remembered, once; null if nothing. */
function recall(name) {
  try {
    const what = JSON.parse(sessionStorage.getItem(name));
    sessionStorage.removeItem(name);
    return what;
  } catch (error) {
    console.warn("Nothing was kept on this device.", error);
    return null;
  }
}

function showCount() {
  const lang = document.documentElement.lang;
  document.getElementById("count").textContent = count.toLocaleString(lang);
  const minutes = (Date.now() - visit.begun) / 60000;
  if (visit.count < VISIT_SHOWN_FROM || minutes <= 0) return;
  const rate = Math.round(visit.count / Math.max(minutes, 1 / 60));
  const words = document.getElementById("visit");
  words.textContent = filled(words.dataset.words, { count: visit.count, rate });
}

// --- Sending, and the next grid -----------------------------------------------------------------------------

function send() {
  const now = performance.now();
  if (isWaiting || now - shownAt < LOOK_MS) return;
  const seconds = Math.round((now - shownAt) / 10 / tiles.length) / 100;
  for (const tile of tiles) {
    outbox.keep({ lease: tile.dataset.lease, synset: "", answer: stateOf(tile), seconds });
  }
  count += tiles.length;
  visit.count += tiles.length;
  countToday();
  showCount();
  isWaiting = true;
  if (look.open) look.close();
  if (!isTroubled()) say("");
  showNext();
  outbox.sendSoon(0);
}

function showNext() {
  form.querySelector(".asked").inert = !ahead;
  form.setAttribute("aria-busy", String(!ahead));
  if (!ahead) {
    if (!isTroubled()) say(notice.dataset.waiting, "waiting");
    return;
  }
  document.getElementById("tiles").replaceWith(ahead);
  ahead = null;
  isWaiting = false;
  scrollTo({ top: Math.min(scrollY, form.offsetTop), behavior: "instant" });
  take(true);
  if (!notice.textContent || notice.dataset.state === "waiting") say(notice.dataset.fresh);
}

/** What became of answers. Once none waits, the page for the next noun, or for none, can be asked for. */
function hear(results) {
  const refusals = results.filter((result) => result.status === "refused");
  const golds = results.filter((result) => result.gold);
  const news = [];
  if (golds.length) news.push(filled(notice.dataset.gold, { n: golds.length, right: golds.filter(({ gold }) => gold.is_right).length }));
  if (refusals.length) news.push(filled(notice.dataset.late, { n: refusals.length }));
  if (news.length || isTroubled()) say(news.join(" "), "news");
  count -= refusals.length;
  showCount();
  if (!outbox.size) fetchAhead();
}

function complain(kind, detail) {
  if (kind === "slow") say(detail, "trouble");
  else if (kind === "signed-out") say(notice.dataset.signedOut + outbox.size, "trouble");
  else say(notice.dataset.offline + outbox.size, "trouble");
}

function isTroubled() {
  return notice.dataset.state === "trouble";
}

/** Have the next grid lent and its pictures loaded; what is on show is lent for longer by the way. */
async function fetchAhead() {
  if (fetching || outbox.size || isLeaving) return; // the server lends no more than two grids at once
  fetching = true;
  const [shown, wasWaiting] = [tiles, isWaiting];
  try {
    const next = await gridAfter(wasWaiting ? 0 : Math.max(...leasesOf(form)));
    const isLate = shown !== tiles; // meanwhile the grid ahead has come on show
    fetching = false;
    if (!isLate) ahead = next;
    if (!isLate && next && isWaiting) showNext();
    else if (!next && wasWaiting) goOn();
    else if (isLate || isWaiting) fetchAhead();
  } catch (error) {
    console.warn("No next grid yet.", error);
    fetching = false;
    if (!isWaiting) return; // there is time
    say(notice.dataset.offline + outbox.size, "trouble");
    setTimeout(fetchAhead, RETRY_MS);
  }
}

/** Ask for the grid behind this lease; null where this noun has no more pictures. */
async function gridAfter(lease) {
  const response = await fetch(`${config.aheadUrl}${lease ? `&after=${lease}` : ""}`, { credentials: "same-origin" });
  if (!response.ok || response.redirected) throw new Error(`The next grid was answered with status ${response.status}.`);
  if (response.status === 204) return null;
  const parsed = document.createElement("div"); // of this document, so that its pictures load
  parsed.innerHTML = await response.text();
  return parsed.firstElementChild;
}

/** This noun has no more pictures: the server says what comes next. */
function goOn() {
  isLeaving = true;
  if (notice.dataset.state === "news") remember(NEWS, notice.textContent);
  location.assign(config.nextUrl);
}

// --- Looking closer -----------------------------------------------------------------------------------------

function showCloser() {
  const picture = document.getElementById("look-picture");
  const small = tiles[at].querySelector("img");
  const name = document.getElementById("look-name");
  picture.src = tiles[at].querySelector(".closer").href;
  picture.className = small.className;
  look.dataset.place = at;
  name.textContent = filled(name.dataset.words, { n: at + 1, all: tiles.length });
  showMark();
}

function showMark() {
  const words = document.getElementById("look-mark");
  const state = stateOf(tiles[at]);
  words.textContent = { present: words.dataset.present, cannot_tell: words.dataset.unsure, absent: words.dataset.absent }[state];
  look.dataset.state = state;
}

function lookCloser() {
  if (look.open) {
    look.close();
    return;
  }
  look.showModal();
  showCloser();
}

const acts = {
  tick: () => toggle(tiles[at], "present"),
  unsure: () => toggle(tiles[at], "cannot_tell"),
  close: () => look.close(),
};

// --- What happens to the page -------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isWaiting) return;
  const isInGrid = look.open || event.target === document.body || event.target.closest(".tile");
  const act = isInGrid && keyAct(event);
  if (act) {
    event.preventDefault();
    act();
    return;
  }
  if (event.key.toLowerCase() === "e" && !look.open && !event.repeat) form.querySelector("[data-key=e]")?.click();
});

/** What a key does in the grid or in the closer look; none if nothing. */
function keyAct(event) {
  const key = event.key.toLowerCase();
  const place = target(event.key);
  if (place !== null && event.shiftKey && !look.open) return () => (tickRange(place), moveTo(place));
  if (place !== null) return () => ((range = null), moveTo(place));
  if (event.key !== "Shift") range = null;
  const isOnTheWay = event.target.closest("button, summary, a[href]"); // which Enter and Space press
  if (isOnTheWay && (key === "enter" || key === " ")) return null;
  if (event.repeat) return null;
  if (key === " ") return acts.tick;
  if (UNSURE_KEYS.has(key)) return acts.unsure;
  if (key === "z") return lookCloser;
  if (key === "a" && !look.open) return tickAll;
  if (key === "enter") return look.open ? acts.close : send;
  return null;
}

form.addEventListener("submit", (event) => {
  if (event.submitter?.hasAttribute("formaction")) return;
  event.preventDefault();
  send();
});

form.addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (!tile) return;
  if (event.target.closest(".closer")) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    moveTo(tiles.indexOf(tile), false);
    lookCloser();
  }
});

form.addEventListener("pointerdown", (event) => {
  isRanging = event.shiftKey && Boolean(event.target.closest(".shows"));
  if (isRanging) beginRange(); // before the press takes the focus along
});

form.addEventListener("change", (event) => {
  const tile = event.target.closest(".tile");
  if (!tile) return;
  if (isRanging) {
    tickRange(tiles.indexOf(tile));
    return;
  }
  range = null;
  const other = event.target.name === "present" ? "cannot_tell" : "present";
  if (event.target.checked) box(tile, other).checked = false;
  moveTo(tiles.indexOf(tile));
  tell();
});

form.addEventListener("focusin", (event) => {
  const place = tiles.indexOf(event.target.closest(".tile"));
  if (place !== -1 && place !== at) moveTo(place, event.target.name === "present");
});

look.addEventListener("click", (event) => {
  if (event.target === look) look.close(); // its backdrop
  else acts[event.target.closest("[data-act]")?.dataset.act]?.();
});
// The browser gives the focus back to where it was; one may have gone on to other pictures since.
look.addEventListener("close", () => moveTo(Number(look.dataset.place)));

// Time in another tab is not time spent looking.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) hiddenAt = performance.now();
  else {
    if (hiddenAt) shownAt += performance.now() - hiddenAt;
    fetchAhead();
  }
});

setInterval(() => document.hidden || fetchAhead(), RENEW_MS);

// The grid ahead goes to others at once; the one on show stays on loan, so that loading the page again shows it.
addEventListener("pagehide", () => {
  if (ahead) giveBack(config.releaseUrl, leasesOf(ahead), [ahead.dataset.expiresAt], csrfToken);
});

// A page that comes back from the browser's memory shows pictures that were sent or given back.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

for (const helped of form.querySelectorAll(".keys[hidden], #report[hidden]")) helped.hidden = false; // by this module
const marks = recall(MARKS) ?? {};
for (const tile of form.querySelectorAll(".tile")) mark(tile, marks[tile.dataset.lease] ?? stateOf(tile));
take(document.activeElement === document.body);
showCount();
say(recall(NEWS) ?? "");
if (tiles.some((tile) => outbox.has(tile.dataset.lease))) {
  isWaiting = true; // an earlier page took its answers, which are on their way
  showNext();
}
if (outbox.size) outbox.sendSoon(0);
else fetchAhead();
