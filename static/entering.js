/* Handing in: a file can be dropped, and what it is called says whether it is guesses or a network. Without this module
   the form does the same by hand. */

import { takeDropped } from "./dropping.js";

const form = document.getElementById("hand-in");
const { file, kind } = form.elements;
form.querySelector("[data-hint]").hidden = false;

const suggest = () => {
  const name = file.files[0]?.name ?? "";
  if (kind) kind.value = /\.(onnx|safetensors)$/i.test(name) ? "network" : "guesses";
};

file.addEventListener("change", suggest);
takeDropped(form.querySelector("[data-drop]"), (data) => {
  if (!data.files.length) return;
  const transfer = new DataTransfer();
  transfer.items.add(data.files[0]);
  file.files = transfer.files;
  suggest();
});
// What is on its way looks so. Pressing again enters nothing twice: the form's token names one entry.
form.addEventListener("submit", () => form.setAttribute("aria-busy", "true"));
// A page that a browser kept and shows again has the token of an entry that was made: it asks for a new one.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
  form.removeAttribute("aria-busy");
});
