/* Labelling at the speed of looking: the next pictures are here, decoded, before they are asked for, and an answer
   is shown at once and sent behind, by way of outbox.js. Without this module the form posts picture by picture. */

import { Choosing } from "./choosing.js";
import { Meanings } from "./meanings.js";
import { Outbox, RETRY_LAST_MS, giveBack, post } from "./outbox.js";
import { countToday } from "./streak.js";

const READY_FIRST = 6; // leased pictures held beyond the one on show, at the beginning
const READY_MOST = 32; // and for somebody who goes on: enough for some minutes without a connection
const REFILL_BY = 8; // asked for together, once so many are missing; one by one would be a request for each answer
const RENEW_MS = 5 * 60 * 1000; // before a lease at hand runs out: asking for more renews what is held
const MOST_LEASES = 100; // the server lends no more to one person
const RETRY_FIRST_MS = 1000;
const LOOK_MS = 200; // a key bouncing, or pressed twice, must not answer a picture nobody has seen yet
const EXPIRY_MARGIN_MS = 5000;
const VISIT_SHOWN_FROM = 5; // answers of one visit; a rate of fewer says nothing

const config = JSON.parse(document.getElementById("label-config").textContent);
const card = document.getElementById("card");
const notice = document.getElementById("notice");
const csrfToken = card.elements.csrfmiddlewaretoken.value;

const ready = []; // leases whose picture is decoded, in the order they came
const broken = new Set(); // leases whose picture could not be shown; they run out in their time
const outbox = new Outbox({ url: config.votesUrl, csrfToken, onResults: hear, onTrouble: complain });
const known = new Set([card.dataset.lease, ...outbox.leases]); // every lease seen or answered, so none shows twice
let current = {
  id: card.dataset.lease,
  expires_at: card.dataset.expiresAt,
  image: document.getElementById("picture"),
  words: config.words,
  choices: config.choices,
};
let count = config.count + outbox.size;
const pictureAlt = document.getElementById("picture").alt;
let finished = ""; // the server's words once nothing is left
let fetching = false;
let fetchRetryMs = RETRY_FIRST_MS;
let shownAt = performance.now();
let hiddenAt = 0;
let last = null; // what was answered last, to take it back: its lease and its vote
const visit = { begun: Date.now(), count: 0 };
const undoButton = document.getElementById("undo");
const meanings = new Meanings(card.querySelector(".meanings"), config.meaningsUrl, () => choosing.onShow);
const choosing = new Choosing({
  nouns: config.nouns,
  top: config.top,
  path: config.path,
  own: config.choices,
  question: config.words,
  onShow: () => meanings.changed(),
});

// --- What becomes of answers --------------------------------------------------------------------------------

function hear(results) {
  const refusals = results.filter((result) => result.status === "refused");
  const gold = results.map((result) => result.gold).findLast(Boolean);
  if (gold) say((gold.is_right ? notice.dataset.goldRight : notice.dataset.goldWrong).replace("{noun}", gold.noun));
  count -= refusals.length;
  showCount();
  if (refusals.length) say(notice.dataset.refused + refusals[0].detail);
  else if (notice.dataset.state === "offline") say("");
  if (!current) refill(); // what held new pictures back may just have been sent
}

function complain(kind, detail) {
  if (kind === "slow") say(detail);
  else if (kind === "signed-out") say(notice.dataset.signedOut + outbox.size);
  else say(notice.dataset.offline + outbox.size, "offline");
}

// --- Pictures to come ---------------------------------------------------------------------------------------

function missing() {
  return Math.min(READY_FIRST + Math.max(visit.count, 0), READY_MOST) - ready.length;
}

function refillWhenLow() {
  const runsOut = ready.some((lease) => Date.parse(lease.expires_at) < Date.now() + RENEW_MS);
  if (ready.length < READY_FIRST || missing() >= REFILL_BY || runsOut) refill();
}

async function refill() {
  const wanted = missing();
  if (fetching || finished || wanted <= 0) return;
  fetching = true;
  try {
    // The server answers with every lease held here, so those at hand and those just answered are counted in.
    const held = ready.length + (current ? 1 : 0) + outbox.size + broken.size;
    const response = await post(config.leasesUrl, { count: Math.min(held + wanted, MOST_LEASES) }, csrfToken);
    if (!response.ok) throw new Error(`Leases were answered with status ${response.status}.`);
    const { leases, is_finished, detail } = await response.json();
    if (is_finished) finished = detail || " ";
    for (const { id, expires_at } of leases) {
      const lease = [current, ...ready].find((held) => held?.id === String(id));
      if (lease) lease.expires_at = expires_at; // asking renewed it
    }
    const fresh = leases.filter((lease) => !known.has(String(lease.id)));
    await Promise.all(fresh.map(prepare));
    if (!is_finished && !fresh.length) {
      // The server lends these until their answers arrive, or others hold for a moment what is left.
      setTimeout(refill, fetchRetryMs);
      fetchRetryMs = Math.min(2 * fetchRetryMs, RETRY_LAST_MS);
    } else fetchRetryMs = RETRY_FIRST_MS;
  } catch (error) {
    console.warn("No new pictures yet.", error);
    if (!current) say(notice.dataset.offline + outbox.size, "offline");
    setTimeout(refill, fetchRetryMs);
    fetchRetryMs = Math.min(2 * fetchRetryMs, RETRY_LAST_MS);
  } finally {
    fetching = false;
  }
  if (!current) showNext();
}

/** Load and decode a lease's picture, so that showing it costs no wait; put it in line at once if somebody waits. */
async function prepare(lease) {
  lease.id = String(lease.id);
  known.add(lease.id);
  const image = new Image(lease.width, lease.height);
  image.src = lease.image_url;
  image.alt = pictureAlt;
  if (lease.width < 100) image.className = "tiny";
  try {
    await image.decode();
  } catch (error) {
    console.warn(`Picture of lease ${lease.id} passed over.`, error);
    say(notice.dataset.broken);
    broken.add(lease.id);
    return;
  }
  ready.push({ ...lease, image });
  if (!current) showNext();
}

function isFresh(lease) {
  return Date.parse(lease.expires_at) > Date.now() + EXPIRY_MARGIN_MS;
}

// --- The card -----------------------------------------------------------------------------------------------

function showNext() {
  let next = ready.shift();
  while (next && !isFresh(next)) next = ready.shift();
  card.setAttribute("aria-busy", String(!next));
  if (!next) {
    if (finished) showFinished();
    else say(notice.dataset.waiting, "waiting");
    return;
  }
  const frame = card.querySelector(".frame");
  frame.replaceChildren(next.image);
  frame.classList.remove("zoomed");
  const report = document.getElementById("report"); // its address names the picture, as the picture's own does
  report.href = report.href.replace(/pictures\/[0-9a-f]+/, next.image.src.match(/pictures\/[0-9a-f]+/)[0]);
  choosing.begin(next.words, next.choices);
  current = next;
  if (notice.dataset.state === "waiting") say("");
  shownAt = performance.now();
  hiddenAt = 0;
}

function showFinished() {
  const words = document.getElementById("finished").content.cloneNode(true);
  words.querySelector("[data-detail]").textContent = finished.trim();
  card.replaceWith(words);
  const heading = document.querySelector("main h1");
  heading.tabIndex = -1;
  heading.focus();
}

function answer(button) {
  const now = performance.now();
  if (!current || now - shownAt < LOOK_MS) return;
  const synset = button.name === "synset" ? button.value : "";
  const vote = {
    lease: current.id,
    synset,
    answer: synset ? "present" : button.value,
    seconds: Math.round((now - shownAt) / 10) / 100,
  };
  outbox.keep(vote);
  offerUndo({ lease: current, vote });
  current = null;
  if (vote.answer !== "skip") {
    countUp(1);
    countToday();
  }
  for (const other of card.querySelectorAll(".chosen")) other.classList.remove("chosen");
  button.classList.add("chosen");
  setTimeout(() => button.classList.remove("chosen"), 2 * LOOK_MS);
  if (notice.dataset.state !== "offline") say(notice.dataset.recorded + nameOn(button));
  else say(notice.dataset.offline + outbox.size, "offline");
  showNext();
  refillWhenLow();
  outbox.sendSoon();
}

/** The words of a button, without its key and small print. */
function nameOn(button) {
  return button.querySelector("span").firstChild.textContent;
}

function countUp(by) {
  count += by;
  visit.count += by;
  showCount();
}

function showCount() {
  const lang = document.documentElement.lang;
  document.getElementById("count")?.replaceChildren(count.toLocaleString(lang));
  const minutes = (Date.now() - visit.begun) / 60000;
  if (visit.count < VISIT_SHOWN_FROM || minutes <= 0) return;
  const rate = Math.round(visit.count / Math.max(minutes, 1 / 60));
  const words = document.getElementById("visit");
  words.textContent = words.dataset.words
    .replace("{count}", visit.count.toLocaleString(lang))
    .replace("{rate}", rate.toLocaleString(lang));
}

// --- Taking back and zooming --------------------------------------------------------------------------------

function offerUndo(what) {
  last = what;
  undoButton.disabled = !last;
}

/** Take the last answer back: here, where it has not left yet, or on the server, which then lends the picture anew. */
async function undo() {
  if (!last) return;
  const { lease, vote } = last;
  offerUndo(null);
  await outbox.sent; // an answer on its way cannot be called back before it has arrived
  if (outbox.has(vote.lease)) outbox.forget(vote.lease);
  else {
    try {
      const response = await post(config.undoUrl, { lease: Number(vote.lease) }, csrfToken);
      const body = await response.json();
      if (!response.ok) {
        say([body].flat().join(" "));
        return;
      }
      Object.assign(lease, { id: String(body.id), expires_at: body.expires_at });
      known.add(lease.id);
    } catch (error) {
      console.warn("Not taken back.", error);
      say(notice.dataset.notUndone);
      return;
    }
  }
  if (vote.answer !== "skip") countUp(-1);
  if (current) ready.unshift(current);
  current = null;
  ready.unshift(lease);
  say(notice.dataset.undone);
  showNext();
}

function zoom() {
  card.querySelector(".frame").classList.toggle("zoomed");
}

function say(words, state = "") {
  notice.textContent = words;
  notice.dataset.state = state;
}

// --- What happens to the page -------------------------------------------------------------------------------

card.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter && event.submitter.name) answer(event.submitter);
});

undoButton.addEventListener("click", undo);
document.getElementById("zoom").addEventListener("click", zoom);
card.querySelector(".frame").addEventListener("click", zoom);
for (const tool of document.querySelectorAll(".tools [hidden]")) tool.hidden = false; // they need this module
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!card.isConnected || event.target.type === "search") return;
  const goesUp = event.key === "Backspace" || event.key === "Escape";
  if ((event.key === "/" && choosing.focusSearch()) || (goesUp && choosing.up())) {
    event.preventDefault();
    return;
  }
  const button = card.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]:not([hidden])`);
  if (!button) return;
  event.preventDefault();
  if (button.name) answer(button);
  else button.click();
});

// Time in another tab is not time spent looking.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) hiddenAt = performance.now();
  else if (hiddenAt) shownAt += performance.now() - hiddenAt;
});

window.addEventListener("online", refill);

// Pictures that were not answered go to others at once.
window.addEventListener("pagehide", () => {
  const leases = [current, ...ready].filter(Boolean);
  if (!leases.length) return;
  giveBack(config.releaseUrl, leases.map((lease) => Number(lease.id)), leases.map((lease) => lease.expires_at), csrfToken);
});

// A page that comes back from the browser's memory holds leases that it has given back.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

showCount();
if (outbox.has(current.id)) {
  current = null; // an earlier page took its answer, which is on its way
  showNext();
}
refill();
if (outbox.size) outbox.sendSoon(0);
