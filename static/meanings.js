/* What the nouns on show mean, with pictures: fetched when the panel is first opened, and when other nouns come on
   show while it is open. Without this module the panel has the meanings alone, and a link to a page with pictures. */

const MOST = 10; // nouns told of at once: what has keys. Among more it tells of the one in focus.
const PAUSE_MS = 150; // after the nouns on show have changed: showing the next picture comes first

export class Meanings {
  #panel;
  #body;
  #url;
  #nounsOnShow;
  #told = new Map(); // what was fetched, by the nouns that it tells of
  #shown = "";
  #timer = 0;

  /** panel: a <details>; nounsOnShow(): the wnids that one may choose just now, the one in focus first. */
  constructor(panel, url, nounsOnShow) {
    this.#panel = panel;
    this.#body = panel.querySelector("[data-meanings]");
    this.#url = url;
    this.#nounsOnShow = nounsOnShow;
    panel.addEventListener("toggle", () => this.#tell());
  }

  /** Other nouns may be on show, or another one in focus. */
  changed() {
    if (!this.#panel.open || this.#timer) return;
    this.#timer = setTimeout(() => this.#tell(), PAUSE_MS);
  }

  async #tell() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.#panel.open) return;
    const nouns = this.#nounsOnShow().slice(0, MOST);
    const asked = new URLSearchParams(nouns.map((wnid) => ["noun", wnid])).toString();
    if (!nouns.length || asked === this.#shown) return;
    this.#shown = asked;
    try {
      const told = this.#told.get(asked) || (await this.#fetch(asked));
      if (this.#shown !== asked) return; // others have come on show meanwhile
      this.#body.innerHTML = told;
      this.#panel.scrollIntoView({ block: "nearest" });
    } catch (error) {
      console.warn("No meanings yet.", error);
      if (this.#shown === asked) this.#shown = ""; // opening it again asks again
    }
  }

  async #fetch(asked) {
    const headers = { "HX-Request": "true" }; // the part alone, without its page
    const response = await fetch(`${this.#url}?${asked}`, { credentials: "same-origin", headers });
    if (!response.ok) throw new Error(`Meanings were answered with status ${response.status}.`);
    const told = await response.text();
    this.#told.set(asked, told);
    return told;
  }
}
