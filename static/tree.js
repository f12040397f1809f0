/* The tree of nouns by keyboard and by pointer, as the ARIA tree pattern has it: https://www.w3.org/WAI/ARIA/apg/patterns/treeview/
   Rows come from the server, which renders the first of them as nested lists of links; this module makes a tree of
   those, fetches a branch when it is opened, and keeps in the address what is open. Without it the links work. */

const TYPING_MS = 600; // letters that come closer than this are one word
const MOST_OPEN = 8; // branches that the address names; the server opens no more
const AT_ONCE = 20; // branches that one press of * opens

const tree = document.querySelector("[data-tree]");
const curates = document.querySelector("[data-tree-hint]") !== null; // then "m" moves a noun: see curate.js

let typed = "";
let typedAt = 0;

// --- What the rows are ----------------------------------------------------------------------------------------

const ITEM = "[role=treeitem]";

function groupOf(item) {
  return item.querySelector(":scope > ul");
}

function isOpen(item) {
  return item.getAttribute("aria-expanded") === "true";
}

function parentOf(item) {
  return item.parentElement.closest(ITEM);
}

function path(item) {
  const way = [];
  for (let at = item; at; at = parentOf(at)) way.unshift(at.dataset.wnid);
  return way.join(".");
}

function visible() {
  return [...tree.querySelectorAll(ITEM)].filter((item) => !item.parentElement.closest("ul[hidden]"));
}

/** Say of each row under `root` what it is to people who cannot see the page. */
function dress(root) {
  for (const item of root.querySelectorAll("li")) {
    const parent = parentOf(item);
    item.setAttribute("role", "treeitem");
    item.setAttribute("aria-level", parent ? Number(parent.getAttribute("aria-level")) + 1 : 1);
    item.tabIndex = -1;
    item.setAttribute("aria-label", words(item));
    if (item.dataset.place) {
      item.setAttribute("aria-posinset", item.dataset.place);
      item.setAttribute("aria-setsize", item.dataset.siblings);
    }
    const group = groupOf(item);
    if (group) {
      group.setAttribute("role", "group");
      item.setAttribute("aria-expanded", String(!group.hidden));
    }
    for (const link of item.querySelectorAll(":scope > .row a, :scope > a")) link.tabIndex = -1;
    item.querySelector(":scope > .row > [data-opener]")?.setAttribute("aria-hidden", "true");
  }
}

/** The row as one phrase, without what is below it. */
function words(item) {
  const row = item.querySelector(":scope > .row, :scope > a");
  const parts = [...row.querySelectorAll(".name, .tag, .mark, .also, .below, .pictures")];
  const said = parts.length ? parts.map((part) => part.textContent.trim()) : [row.textContent.trim()];
  return said.filter(Boolean).join(", ");
}

function focus(item) {
  if (!item) return;
  for (const other of tree.querySelectorAll(`${ITEM}[tabindex="0"]`)) other.tabIndex = -1;
  item.tabIndex = 0;
  item.focus({ preventScroll: true });
  (item.querySelector(":scope > .row") ?? item).scrollIntoView({ block: "nearest" });
}

// --- Opening and closing --------------------------------------------------------------------------------------

async function fetchRows(address) {
  const response = await fetch(address, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!response.ok || response.redirected) throw new Error(`${address} was answered with ${response.status}.`);
  const rows = document.createElement("template");
  rows.innerHTML = await response.text(); // of this server, which escapes what people wrote
  return rows.content;
}

/** Put rows into the place of `item`, which stood for them; say which came first. */
function replace(item, rows) {
  const group = item.parentElement;
  const fresh = [...rows.children];
  item.replaceWith(rows);
  dress(group);
  return fresh.find((each) => each.dataset.wnid) ?? fresh[0];
}

/** A row that stands for others: they come when it is pressed, and it says so when they did not. */
async function bring(item) {
  const link = item.querySelector("[data-rest]");
  if (item.getAttribute("aria-busy") === "true") return null;
  item.setAttribute("aria-busy", "true");
  try {
    const rows = await fetchRows(link.href);
    // The next page ends with a row for what is left after it, but what is before it is here; and the other way.
    const isLast = !item.nextElementSibling;
    const known = isLast ? rows.firstElementChild : rows.lastElementChild;
    if (known?.matches(".rest")) known.remove();
    return replace(item, rows);
  } catch (error) {
    console.warn("Rows did not come.", error);
    item.removeAttribute("aria-busy");
    link.textContent = tree.dataset.failed;
    item.setAttribute("aria-label", words(item));
    return null;
  }
}

async function open(item) {
  if (isOpen(item) || !item.dataset.branch) return;
  item.setAttribute("aria-expanded", "true");
  const group = groupOf(item);
  group.hidden = false;
  if (!group.childElementCount) {
    const rest = document.createElement("li");
    rest.className = "rest";
    rest.innerHTML = '<a data-rest href="">…</a>';
    rest.firstChild.href = item.dataset.branch;
    group.append(rest);
    dress(group);
    await bring(rest);
  }
  remember();
}

function close(item) {
  if (!isOpen(item)) return;
  item.setAttribute("aria-expanded", "false");
  groupOf(item).hidden = true;
  if (item.contains(document.activeElement) && document.activeElement !== item) focus(item);
  remember();
}

function toggle(item) {
  return isOpen(item) ? close(item) : open(item);
}

/** Keep in the address the ends of what is open, so that a reload and a link show the same. */
function remember() {
  const shown = visible().filter((item) => isOpen(item) && !item.hasAttribute("data-start"));
  const ends = shown.filter((item) => !groupOf(item).querySelector(`:scope > ${ITEM}[aria-expanded=true]`));
  const address = new URL(location.href);
  address.searchParams.delete("open");
  for (const item of ends.slice(-MOST_OPEN)) address.searchParams.append("open", path(item));
  address.hash = "";
  history.replaceState(history.state, "", address);
}

// --- Keys and presses -----------------------------------------------------------------------------------------

async function press(item) {
  if (item.matches(".rest")) {
    const hadFocus = item.contains(document.activeElement);
    const first = await bring(item);
    if (hadFocus) focus(first);
  } else item.querySelector(":scope > .row .name").click();
}

function step(item, by) {
  const items = visible();
  focus(items[items.indexOf(item) + by]);
}

async function openSiblings(item) {
  const closed = [...item.parentElement.children].filter((each) => each.getAttribute("aria-expanded") === "false");
  await Promise.all(closed.slice(0, AT_ONCE).map(open));
}

function find(item, letter) {
  const now = performance.now();
  typed = now - typedAt < TYPING_MS ? typed + letter : letter;
  typedAt = now;
  const items = visible().filter((each) => !each.matches(".rest"));
  const at = items.indexOf(item);
  // A first letter looks on from here; more of the same word may still mean this row.
  const ordered = [...items.slice(typed.length > 1 ? at : at + 1), ...items.slice(0, at + 1)];
  const name = (each) => each.querySelector(":scope > .row .name").textContent.toLowerCase();
  focus(ordered.find((each) => name(each).startsWith(typed.toLowerCase())));
}

const KEYS = {
  ArrowDown: (item) => step(item, 1),
  ArrowUp: (item) => step(item, -1),
  ArrowRight: (item) => (isOpen(item) ? step(item, 1) : open(item)),
  ArrowLeft: (item) => (isOpen(item) ? close(item) : focus(parentOf(item))),
  Home: () => focus(visible()[0]),
  End: () => focus(visible().at(-1)),
  Enter: press,
  "*": openSiblings,
};

/** Where lines run from right to left, what is inside a branch is to the left of it. */
function inReadingOrder(key) {
  if (document.documentElement.dir !== "rtl") return key;
  return { ArrowLeft: "ArrowRight", ArrowRight: "ArrowLeft" }[key] ?? key;
}

function onKey(event) {
  const item = event.target.closest(ITEM);
  if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = typed && performance.now() - typedAt < TYPING_MS;
  const key = inReadingOrder(event.key);
  if (Object.hasOwn(KEYS, key)) KEYS[key](item);
  else if (event.key === " " && !isTyping) toggle(item);
  else if (event.key.length === 1 && !(curates && event.key === "m" && !isTyping)) {
    find(item, event.key);
    event.stopPropagation(); // a letter of a name is no command
  } else return;
  event.preventDefault();
}

function onClick(event) {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const item = event.target.closest(ITEM);
  if (!item) return;
  if (event.target.closest("[data-opener]")) {
    event.preventDefault();
    focus(item);
    toggle(item);
  } else if (item.matches(".rest")) {
    event.preventDefault();
    press(item);
  }
}

if (tree) {
  tree.setAttribute("role", "tree");
  tree.setAttribute("aria-label", tree.dataset.tree);
  dress(tree);
  tree.addEventListener("keydown", onKey);
  tree.addEventListener("click", onClick);
  const here = document.getElementById("here");
  const first = here?.closest(ITEM) ?? tree.querySelector(ITEM);
  if (first) first.tabIndex = 0;
  if (here && location.hash === "#here") focus(here);
  for (const help of document.querySelectorAll(".tree-help")) help.hidden = false;
}
