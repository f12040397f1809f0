/* The days in a row on which somebody has labelled, in the line that counts: the first answer of a day makes it one
   more. */

export function countToday() {
  const streak = document.getElementById("streak");
  if (!streak?.dataset.next) return;
  streak.textContent = streak.dataset.next;
  delete streak.dataset.next;
}
