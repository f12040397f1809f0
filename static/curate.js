/* The curators' pages, quicker: a noun is found while its name is typed, a change opens over the page that it is about,
   and a row of the tree can be dragged onto another or moved by a key. Nothing here changes the tree: every way ends in
   the same form, which makes a draft. Without this module the same addresses are pages, and names are typed in full. */

const MOVE_KEY = "m";

// --- Picking a noun: an ARIA combobox with a list ------------------------------------------------------------

function parts(input) {
  const picker = input.parentElement.querySelector(".picker");
  return {
    picker,
    list: picker.querySelector("[role=listbox]"),
    note: picker.querySelector("[data-picked]"),
    said: picker.querySelector("[data-said]"),
  };
}

function inputOf(inside) {
  return inside.closest(".field").querySelector("[data-picker]");
}

/** Say what the field is to people who cannot see the list. */
function dress(input) {
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-controls", parts(input).list.id);
}

/** What was just chosen is not searched for again, nor does an answer that comes late open the list. */
function isChosen(input) {
  return input.value !== "" && input.value === input.dataset.chosen;
}

/** Tell the search what was typed; a field's own name means nothing to it. */
function ask(event) {
  const input = event.detail.elt;
  if (!input.matches?.("[data-picker]")) return;
  if (isChosen(input)) event.preventDefault();
  event.detail.parameters = { q: input.value, not: parts(input).picker.dataset.not };
}

function show(input) {
  const { list, said } = parts(input);
  options(list).forEach((option, i) => (option.id = `${list.id}-${i}`));
  said.textContent = list.querySelector("[data-count]")?.textContent ?? "";
  if (document.activeElement !== input || isChosen(input)) return;
  list.hidden = false;
  input.setAttribute("aria-expanded", "true");
  mark(input, null);
}

function hide(input) {
  parts(input).list.hidden = true;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function options(list) {
  return [...list.querySelectorAll("[role=option]")];
}

function marked(list) {
  return list.querySelector("[aria-selected=true]");
}

function mark(input, option) {
  const { list } = parts(input);
  marked(list)?.setAttribute("aria-selected", "false");
  if (!option) {
    input.removeAttribute("aria-activedescendant");
    return;
  }
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", option.id);
}

function step(input, by) {
  const { list } = parts(input);
  const all = options(list);
  const at = all.indexOf(marked(list));
  // Past either end the field itself is next, then the other end.
  const next = at < 0 && by < 0 ? all.length - 1 : at + by;
  mark(input, all[next] ?? null);
}

function choose(input, option) {
  const { note } = parts(input);
  input.value = input.dataset.chosen = option.dataset.value;
  const words = [".way", ".meaning"].map((part) => option.querySelector(part).textContent.trim());
  note.textContent = words.filter(Boolean).join(": ");
  note.hidden = false;
  hide(input);
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function onPickerKey(event) {
  const input = event.target;
  const { list } = parts(input);
  const isOpen = !list.hidden;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (isOpen) step(input, event.key === "ArrowDown" ? 1 : -1);
    else htmx.trigger(input, "ask");
  } else if (event.key === "Enter" && isOpen) {
    event.preventDefault();
    // Whoever has typed and moved on means the first one only if it is the only one.
    const all = options(list);
    const option = marked(list) ?? (all.length === 1 ? all[0] : null);
    if (option) choose(input, option);
  } else if (event.key === "Escape" && isOpen) {
    event.preventDefault(); // the dialog around it stays
    event.stopPropagation();
    hide(input);
  }
}

function pickerOf(target) {
  return target instanceof Element && target.matches("[data-picker]") ? target : null;
}

document.addEventListener("htmx:configRequest", ask);
document.addEventListener("htmx:afterSwap", (event) => {
  const { elt } = event.detail;
  if (elt instanceof Element && elt.matches(".senses")) show(inputOf(elt));
});
for (const failure of ["htmx:sendError", "htmx:responseError"]) {
  document.addEventListener(failure, (event) => {
    const input = pickerOf(event.detail.elt);
    if (!input) return;
    const { note, picker, said } = parts(input);
    note.textContent = said.textContent = picker.dataset.cannot;
    note.hidden = false;
  });
}
document.addEventListener("keydown", (event) => pickerOf(event.target) && onPickerKey(event));
document.addEventListener("input", (event) => {
  const input = pickerOf(event.target);
  if (input) parts(input).note.hidden = true; // what was chosen is not what stands there now
});
// The browser says "change" once more when the field is left. What hangs on it has been fetched when it was chosen;
// fetched anew, it would take the focus away from whoever is there already.
document.addEventListener(
  "change",
  (event) => {
    if (event.isTrusted && pickerOf(event.target) && isChosen(event.target)) event.stopPropagation();
  },
  true,
);
document.addEventListener("focusout", (event) => pickerOf(event.target) && hide(event.target));
// Pressing on the list must not take the focus away from the field before the click arrives.
document.addEventListener("mousedown", (event) => {
  if (event.target.closest("[role=listbox].senses")) event.preventDefault();
});
document.addEventListener("click", (event) => {
  const option = event.target.closest(".senses [role=option]");
  if (option) choose(inputOf(option), option);
});

// --- A change over the page that it is about -----------------------------------------------------------------

let dialog = null;

/** Open the form at `address` in a dialog; where that fails, go there. */
async function open(address) {
  const back = document.activeElement;
  let words;
  try {
    const response = await fetch(address, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
    if (!response.ok || response.redirected) throw new Error(`${address} was answered with ${response.status}.`);
    words = await response.text();
  } catch (error) {
    console.warn("The form opens as a page.", error);
    location.assign(address);
    return;
  }
  dialog?.remove();
  dialog = document.createElement("dialog");
  dialog.className = "over";
  dialog.setAttribute("aria-labelledby", "proposal-heading");
  dialog.innerHTML = words; // of this server, which escapes what people wrote
  dialog.addEventListener("close", () => {
    dialog?.remove();
    dialog = null;
    back?.focus();
  });
  document.body.append(dialog);
  htmx.process(dialog);
  dressAll(dialog);
  dialog.showModal();
  firstEmpty(dialog)?.focus();
}

/** Begin where something is still to be said. */
function firstEmpty(form) {
  const fields = [...form.querySelectorAll("input:not([type=hidden]), textarea")];
  return fields.find((field) => !["radio", "checkbox"].includes(field.type) && !field.value) ?? fields[0];
}

function dressAll(root) {
  root.querySelectorAll("[data-picker]").forEach(dress);
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest("a[data-dialog]");
  if (link) {
    event.preventDefault();
    open(link.href);
  } else if (dialog && event.target.closest("[data-cancel]")) {
    event.preventDefault();
    dialog.close();
  }
});

/** A form that came back begins in the part that was asked for, or where there is something to mend. */
function begin(form, submitter) {
  dressAll(form);
  const parts = form.querySelectorAll(".part");
  const part = submitter?.name === "more" ? parts[parts.length - 1] : null;
  (part ? firstEmpty(part) : form.querySelector("[aria-invalid=true]") ?? firstEmpty(form))?.focus();
}

document.addEventListener("htmx:afterSwap", (event) => {
  const { elt, requestConfig } = event.detail;
  if (elt instanceof Element && elt.matches(".proposal")) begin(elt, requestConfig?.triggeringEvent?.submitter);
});

// --- Moving a branch: by dragging, or by a key ---------------------------------------------------------------

const movesHere = document.querySelector("[data-tree-hint]") !== null; // the tree of the past stays as it is

let dragged = null;

function row(event) {
  return event.target instanceof Element ? event.target.closest("[role=treeitem][data-wnid]") : null;
}

function moving(item, target) {
  const words = new URLSearchParams();
  if (item.dataset.parent) words.set("source", item.dataset.parent);
  if (target) words.set("target", target.dataset.wnid);
  return `/nouns/${encodeURIComponent(item.dataset.wnid)}/change/move/?${words}`;
}

/** A noun cannot go below itself, nor to where it is. The server knows the same of what is not shown here. */
function takes(target) {
  if (!dragged || !target || dragged.contains(target)) return false;
  return target.dataset.wnid !== dragged.dataset.wnid && target.dataset.wnid !== dragged.dataset.parent;
}

function light(target) {
  for (const other of document.querySelectorAll(".drop-here")) other.classList.remove("drop-here");
  target?.classList.add("drop-here");
}

document.addEventListener("dragstart", (event) => {
  dragged = row(event);
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.wnid);
});
document.addEventListener("dragover", (event) => {
  if (!dragged) return;
  const target = row(event);
  light(takes(target) ? target : null);
  if (takes(target)) event.preventDefault(); // this is what lets it drop
});
document.addEventListener("drop", (event) => {
  const target = row(event);
  if (!takes(target)) return;
  event.preventDefault();
  open(moving(dragged, target));
});
document.addEventListener("dragend", () => {
  dragged = null;
  light(null);
});
document.addEventListener("keydown", (event) => {
  if (!movesHere || event.key !== MOVE_KEY || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const item = row(event);
  if (!item || event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  open(moving(item));
});

dressAll(document);
for (const hint of document.querySelectorAll("[data-tree-hint]")) hint.hidden = false;
