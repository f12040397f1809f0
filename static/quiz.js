/* Keys for a quiz: 1 to 4 answer the question that has the focus, or else the first one that has no answer. Without
   this module its radio buttons and its button do as well. */

const form = document.getElementById("quiz");
const questions = [...form.querySelectorAll("fieldset")];

function answersOf(question) {
  return [...question.querySelectorAll("input[type=radio]")];
}

function isOpen(question) {
  return !answersOf(question).some((answer) => answer.checked);
}

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || !/^[1-9]$/.test(event.key)) return;
  const question = questions.find(isOpen) || document.activeElement.closest("#quiz fieldset") || questions[0];
  const answer = answersOf(question)[Number(event.key) - 1];
  if (!answer) return;
  event.preventDefault();
  answer.checked = true;
  const next = questions.find(isOpen);
  // The next question is brought into view; behind the last one Enter sends.
  (next ? answersOf(next)[0] : form.querySelector("button")).focus();
});
