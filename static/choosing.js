/* The nouns to choose from: buttons with keys where there are few; where there are many a walk down the tree, one level
   at a time, and a search by name among all of them. A class answers when it is pressed; an inner noun leads one level
   down, and is there an answer itself. */

const KEYS = "1234567890";
const MANY = 100; // nouns take longer to draw than a picture, which is to come first:
const PICTURE_FIRST_MS = 50; // so they come when it is there, and long before an answer to it is taken
const MOST_FOUND = 40; // by a search; who wants more than that types on

export class Choosing {
  #box = document.getElementById("choices");
  #words = document.getElementById("words");
  #search = document.getElementById("search");
  #way = document.getElementById("way");
  #whole = document.getElementById("whole");
  #moreKeys = document.getElementById("more-keys");
  #nouns;
  #top;
  #onShow;
  #spoken = null; // of each noun, what a search looks at; made when one is begun
  #own = null; // the nouns of a picture that asks for others than the collection's
  #question; // what is asked at the top
  #path; // the nouns down which one has walked, by place
  #text = ""; // that is searched for
  #keysFrom = 0; // the place, among the nouns on show, from which on they have keys
  #shown; // what the box was drawn of
  #atTop; // the choices of the top as they were drawn: every picture comes back to them, and they may be many

  /** nouns: all that may be chosen, with the places of its `kinds` for an inner one; top: the places of those to begin
      with; path, own, question: what the server drew; onShow(): other nouns have come on show. */
  constructor({ nouns, top, path, own, question, onShow }) {
    this.#nouns = nouns.map((noun, place) => ({ ...noun, place }));
    this.#top = top;
    this.#path = path;
    this.#own = own;
    this.#question = question;
    this.#onShow = onShow;
    this.#shown = this.#key();
    if (!own && !path.length) this.#atTop = [...this.#box.children];
    this.#listen();
    this.#giveKeys();
  }

  /** Begin anew with the nouns of the next picture: its own, or else the collection's. */
  begin(question, own) {
    this.#question = question;
    this.#own = own;
    this.#path = [];
    if (own || this.#top.length < MANY) this.#find("");
    else setTimeout(() => this.#find(""), PICTURE_FIRST_MS);
  }

  /** The wnids on show, where they are few; among many the one in focus. */
  get onShow() {
    const nouns = this.#list().map((noun) => noun.wnid);
    if (nouns.length <= KEYS.length) return nouns;
    const focused = this.#box.contains(document.activeElement) && document.activeElement.dataset.wnid;
    return focused ? [focused] : nouns.slice(this.#keysFrom, this.#keysFrom + KEYS.length);
  }

  /** Go one level up, or leave the search; say whether there was a way. */
  up() {
    if (this.#text) this.#find("");
    else if (!this.#path.length) return false;
    else this.#go(this.#path.slice(0, -1));
    return true;
  }

  focusSearch() {
    if (!this.#search || this.#own) return false;
    this.#search.focus();
    return true;
  }

  #listen() {
    this.#moreKeys.addEventListener("click", () => this.#giveNextKeys());
    this.#box.addEventListener("focusin", this.#onShow);
    for (const links of [this.#box, this.#way]) {
      links.addEventListener("click", (event) => {
        const link = event.target.closest("a");
        if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.#go(this.#pathOf(link));
      });
    }
    if (!this.#search) return;
    this.#search.closest("[hidden]")?.removeAttribute("hidden");
    this.#search.addEventListener("input", () => this.#find(this.#search.value));
    this.#search.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        if (!this.#text) this.#search.blur();
        this.#find("");
      }
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.#box.querySelector(".choice")?.click();
      this.#search.blur(); // so that keys answer again
    });
  }

  #find(text) {
    this.#text = text.trim();
    if (this.#search && this.#search.value !== text) this.#search.value = text;
    this.#draw();
  }

  #go(path) {
    const hadFocus = [this.#box, this.#way].some((part) => part.contains(document.activeElement));
    this.#path = path;
    this.#find("");
    if (hadFocus) this.#box.querySelector(".choice").focus();
  }

  // --- Which nouns ------------------------------------------------------------------------------------------

  #list() {
    if (this.#own) return this.#own;
    if (this.#text) return this.#found();
    const here = this.#path.at(-1);
    return (here === undefined ? this.#top : this.#nouns[here].kinds).map((place) => this.#nouns[place]);
  }

  /** Return the nouns whose name or meaning has all the words, those first that are called so. */
  #found() {
    this.#spoken ||= this.#nouns.map(({ name, gloss }) => [name.toLowerCase(), `${name} ${gloss}`.toLowerCase()]);
    const text = this.#text.toLowerCase();
    const words = text.split(/\s+/);
    const ranked = [[], [], []];
    this.#nouns.forEach((noun, place) => {
      const [name, all] = this.#spoken[place];
      if (!words.every((word) => all.includes(word))) return;
      ranked[name.startsWith(text) ? 0 : words.every((word) => name.includes(word)) ? 1 : 2].push(noun);
    });
    ranked[0].sort((one, other) => one.name.length - other.name.length); // "dog" before "dog collar"
    return ranked.flat().slice(0, MOST_FOUND);
  }

  /** The nouns down to one, on the shortest way. */
  #wayTo(place) {
    const from = new Map(this.#top.map((top) => [top, null]));
    for (const here of from.keys()) {
      if (here === place) break;
      for (const kind of this.#nouns[here].kinds || []) if (!from.has(kind)) from.set(kind, here);
    }
    const path = [];
    for (let here = place; here !== null && here !== undefined; here = from.get(here)) path.unshift(here);
    return path;
  }

  #pathOf(link) {
    const wnids = new URL(link.href).searchParams.get("at")?.split(".") || [];
    return wnids.map((wnid) => this.#nouns.findIndex((noun) => noun.wnid === wnid));
  }

  #address(path) {
    return `?at=${path.map((place) => this.#nouns[place].wnid).join(".")}`;
  }

  // --- Drawing ----------------------------------------------------------------------------------------------

  #key() {
    return this.#own ? this.#own.map(({ wnid }) => wnid).join(" ") : `${this.#path.join(".")} ${this.#text}`;
  }

  /** Show what is to be chosen from. From one picture to the next that is mostly the same, and nothing is done. */
  #draw() {
    this.#drawWords();
    if (this.#key() === this.#shown && !this.#keysFrom) return;
    this.#shown = this.#key();
    this.#keysFrom = 0;
    const list = this.#list();
    this.#box.classList.toggle("few", list.length <= KEYS.length);
    this.#box.replaceChildren(...this.#choices(list));
    this.#giveKeys();
    this.#drawWay();
    this.#onShow();
  }

  #choices(list) {
    const isTop = !this.#own && !this.#text && !this.#path.length;
    if (!isTop) return list.map((noun) => this.#choice(noun));
    this.#atTop ||= list.map((noun) => this.#choice(noun));
    return this.#atTop;
  }

  #choice({ wnid, name, gloss, kinds, hint, place }) {
    const choice = document.createElement(kinds ? "a" : "button");
    choice.className = kinds ? "choice inner" : "choice";
    choice.title = gloss;
    choice.dataset.wnid = wnid;
    if (kinds) choice.href = this.#address(this.#text ? this.#wayTo(place) : [...this.#path, place]);
    else Object.assign(choice, { name: "synset", value: wnid });
    choice.translate = false; // a noun and its meaning, as their owners wrote them
    const word = document.createElement("span");
    word.append(named(name));
    choice.append(word);
    const small = this.#text ? gloss : hint;
    if (small) {
      const line = document.createElement("small");
      line.textContent = small;
      word.append(line);
    }
    return choice;
  }

  #drawWords() {
    const here = this.#own || this.#text ? undefined : this.#path.at(-1);
    const question =
      here === undefined ? this.#question : this.#words.dataset.kind.replace("{noun}", this.#nouns[here].name);
    if (this.#words.textContent !== question) this.#words.textContent = question;
  }

  /** The line of nouns above, the inner noun as an answer, and, at the top alone, "none of these". */
  #drawWay() {
    const here = this.#own || this.#text ? undefined : this.#path.at(-1);
    this.#way.hidden = this.#whole.hidden = here === undefined;
    document.getElementById("campaign").hidden = here !== undefined;
    document.getElementById("none").hidden = here !== undefined || Boolean(this.#text);
    if (here === undefined) return;
    this.#way.querySelector(".up").href = this.#address(this.#path.slice(0, -1));
    const steps = this.#path.map((place, depth) => {
      const step = document.createElement("li");
      const isHere = depth === this.#path.length - 1;
      const name = document.createElement(isHere ? "span" : "a");
      name.append(named(this.#nouns[place].name));
      if (isHere) name.setAttribute("aria-current", "true");
      else name.href = this.#address(this.#path.slice(0, depth + 1));
      step.append(name);
      return step;
    });
    const line = this.#way.querySelector("ol");
    line.replaceChildren(line.firstElementChild, ...steps);
    this.#whole.value = this.#nouns[here].wnid;
    const words = this.#whole.querySelector("span");
    words.textContent = words.dataset.words.replace("{noun}", this.#nouns[here].name);
  }

  // --- Keys -------------------------------------------------------------------------------------------------

  #giveNextKeys() {
    this.#keysFrom += KEYS.length;
    if (this.#keysFrom >= this.#box.children.length) this.#keysFrom = 0;
    this.#giveKeys();
    this.#box.children[this.#keysFrom].scrollIntoView({ block: "nearest" });
    this.#onShow();
  }

  #giveKeys() {
    for (const choice of this.#box.querySelectorAll("[data-key]")) {
      delete choice.dataset.key;
      choice.removeAttribute("aria-keyshortcuts");
      choice.querySelector("kbd").remove();
    }
    [...KEYS].forEach((key, i) => giveKey(this.#box.children[this.#keysFrom + i], key));
    this.#moreKeys.hidden = this.#box.children.length <= KEYS.length;
  }
}

/** A noun stands in an order of its own, whatever the direction of the page. */
function named(noun) {
  const name = document.createElement("bdi");
  name.textContent = noun;
  return name;
}

function giveKey(choice, key) {
  if (!choice) return;
  choice.dataset.key = key;
  choice.setAttribute("aria-keyshortcuts", key);
  const mark = document.createElement("kbd");
  mark.setAttribute("aria-hidden", "true");
  mark.textContent = key;
  choice.prepend(mark);
}
