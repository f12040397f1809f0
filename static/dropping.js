/* A place to drop files on, marked while something is held over it. */

/* take: called with the DataTransfer of what is dropped on the element `drop`. */
export function takeDropped(drop, take) {
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
}
