/* Trying a network: a picture can be dropped or pasted, shows at once, and is sent as soon as it is there, unless there
   is a box to tick first. Without this module the form does the same by a button. */

import { takeDropped } from "./dropping.js";

const form = document.getElementById("try");
if (form) {
  const drop = form.querySelector("[data-drop]");
  const preview = form.querySelector("[data-preview]");
  const { picture, photo, keep } = form.elements;
  const PICTURE = /^image\//;
  form.querySelector("[data-hint]").hidden = false;

  const show = (file) => {
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(file);
    preview.hidden = false;
    if (!keep) form.requestSubmit();
  };

  const take = (files) => {
    const file = [...files].find((each) => PICTURE.test(each.type));
    if (!file) return false;
    const transfer = new DataTransfer();
    transfer.items.add(file);
    picture.files = transfer.files;
    photo.value = "";
    show(file);
    return true;
  };

  picture.addEventListener("change", () => {
    photo.value = "";
    if (picture.files[0]) show(picture.files[0]);
  });
  photo.addEventListener("change", () => {
    picture.value = "";
    if (photo.files[0]) show(photo.files[0]);
  });
  takeDropped(drop, (data) => take(data.files));
  document.addEventListener("paste", (event) => {
    if (take(event.clipboardData.files)) event.preventDefault();
  });
  // What is on its way should not be sent twice.
  form.addEventListener("submit", () => form.setAttribute("aria-busy", "true"));
  window.addEventListener("pageshow", () => form.removeAttribute("aria-busy"));
}
