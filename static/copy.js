/* A button on lines that are to be copied. Without a clipboard, as on addresses without TLS, there is none. */

function addButton(lines) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button copy";
  button.textContent = lines.dataset.copy;
  button.setAttribute("aria-label", `${lines.dataset.copy}: ${lines.getAttribute("aria-label")}`);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(lines.textContent);
    button.textContent = lines.dataset.copied;
    button.setAttribute("aria-label", `${lines.dataset.copied}: ${lines.getAttribute("aria-label")}`);
  });
  lines.after(button);
}

if (navigator.clipboard) document.querySelectorAll("[data-copy]").forEach(addButton);
