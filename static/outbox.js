/* Answers on their way to the server. Each lives in localStorage, under its lease, until the server has acknowledged
   it, so neither a closed tab nor a lost connection loses one. Pages that take answers share what waits here. */

const BATCH_SIZE = 50; // votes in one request; keeps a keepalive body far below the 64 kB that browsers allow
const BATCH_WAIT_MS = 1000; // answers given within this time travel together
const RETRY_FIRST_MS = 1000;
export const RETRY_LAST_MS = 15000;
const KEPT = "nestwork-vote-";

export function post(url, body, csrfToken, options = {}) {
  return fetch(url, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrfToken },
    body: JSON.stringify(body),
    ...options,
  });
}

/** Give leases back as the page is left: to others at once, but for what the same page, loaded again, holds by now.
    expiresAt: when each runs out, as the server said. */
export function giveBack(url, leases, expiresAt, csrfToken) {
  const last = Math.max(...expiresAt.map((moment) => Date.parse(moment)));
  const body = { leases, expires_by: new Date(last + 1).toISOString() }; // the server counts in smaller parts
  post(url, body, csrfToken, { keepalive: true }).catch(() => {});
}

export class Outbox {
  #url;
  #csrfToken;
  #onResults;
  #onTrouble;
  #unsent = keptVotes();
  #sending = false;
  #timer = 0;
  #retryMs = RETRY_FIRST_MS;

  /** When what is being sent has arrived, or has failed to. */
  sent = Promise.resolve();

  /** onResults(results): what the server says of each answer of a batch. onTrouble(kind, detail): why answers wait:
      "offline", "signed-out", or "slow" with the server's own words. */
  constructor({ url, csrfToken, onResults, onTrouble }) {
    this.#url = url;
    this.#csrfToken = csrfToken;
    this.#onResults = onResults;
    this.#onTrouble = onTrouble;
    addEventListener("online", () => this.sendSoon(0));
    // Kept all the same until acknowledged: casting on the same lease twice counts once.
    addEventListener("pagehide", () => {
      if (this.size) post(url, { votes: this.#batch() }, csrfToken, { keepalive: true }).catch(() => {});
    });
  }

  get size() {
    return this.#unsent.size;
  }

  get leases() {
    return [...this.#unsent.keys()];
  }

  has(lease) {
    return this.#unsent.has(lease);
  }

  keep(vote) {
    this.#unsent.set(vote.lease, vote);
    try {
      localStorage.setItem(KEPT + vote.lease, JSON.stringify(vote));
    } catch (error) {
      console.warn("This answer lives in this page alone.", error); // a full or forbidden store; sending goes on
    }
  }

  forget(lease) {
    this.#unsent.delete(lease);
    try {
      localStorage.removeItem(KEPT + lease);
    } catch (error) {
      console.warn("Nothing was kept on this device.", error);
    }
  }

  /** Send within `wait`; a send that is due already is not put off by further answers. */
  sendSoon(wait = BATCH_WAIT_MS) {
    if (wait === 0) clearTimeout(this.#timer);
    else if (this.#timer) return;
    this.#timer = setTimeout(() => this.send(), wait);
  }

  /** Send what waits, unless that is being done; return when it has arrived, or has failed to. */
  send() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.#sending && this.size) this.sent = this.#sendBatch();
    return this.sent;
  }

  #batch() {
    return [...this.#unsent.values()].slice(0, BATCH_SIZE);
  }

  async #sendBatch() {
    this.#sending = true;
    try {
      const response = await post(this.#url, { votes: this.#batch() }, this.#csrfToken);
      if (response.status === 401 || response.status === 403) {
        this.#onTrouble("signed-out");
        return; // kept; a later visit by the same person sends them
      }
      if (response.status === 429) {
        // Kept, and sent when it is time again.
        this.#onTrouble("slow", (await response.json()).detail);
        this.sendSoon(Math.max(1000 * Number(response.headers.get("Retry-After")), RETRY_LAST_MS));
        return;
      }
      if (!response.ok) throw new Error(`Votes were answered with status ${response.status}.`);
      const { results } = await response.json();
      for (const result of results) this.forget(String(result.lease));
      this.#retryMs = RETRY_FIRST_MS;
      if (this.size) this.sendSoon();
      this.#onResults(results);
    } catch (error) {
      console.warn("Votes not sent yet.", error);
      this.#onTrouble("offline");
      this.sendSoon(this.#retryMs);
      this.#retryMs = Math.min(2 * this.#retryMs, RETRY_LAST_MS);
    } finally {
      this.#sending = false;
    }
  }
}

/** Read the answers that an earlier page left behind. One item for each vote, so that tabs do not overwrite each other. */
function keptVotes() {
  const votes = new Map();
  try {
    for (const key of Object.keys(localStorage).filter((key) => key.startsWith(KEPT))) {
      const vote = JSON.parse(localStorage.getItem(key));
      votes.set(vote.lease, vote);
    }
  } catch (error) {
    console.warn("Answers cannot be kept on this device and live in this page alone.", error);
  }
  return votes;
}
