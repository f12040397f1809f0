/* Every text that a reader sees or hears on this page and that is not inside ⟦brackets⟧, as ["where", "text"]. Of a sentence
   that stands in several elements the brackets may be in the first and the last. Nothing is said of data: what is in <bdi>,
   <code>, <pre>, <kbd>, is a digest, or is marked with translate="no", which tells browsers the same; what people wrote,
   in a direction of its own (dir="auto"); and what is said to be in another language. */
(allowed) => {
  const DATA = "script, style, template, noscript, bdi, code, pre, kbd, samp, textarea, .digest, " +
    "[translate=no], [dir=auto], body [lang]";
  const SAID = ["alt", "title", "placeholder", "aria-label", "aria-description", "aria-valuetext", "data-label"];
  const found = [];
  let depth = 0;

  function where(element) {
    const names = [];
    for (let at = element; at && at !== document.body && names.length < 4; at = at.parentElement) {
      const kind = at.classList?.length ? `.${[...at.classList].join(".")}` : "";
      names.unshift(at.localName + (at.id ? `#${at.id}` : kind));
    }
    return names.join(" > ");
  }

  function outside(text) {
    let out = "";
    for (const letter of text) {
      if (letter === "⟦") depth += 1;
      if (!depth) out += letter;
      if (letter === "⟧") depth -= 1;
    }
    return out;
  }

  function look(text, place) {
    let left = outside(text);
    for (const word of allowed) left = left.replaceAll(new RegExp(word, "g"), " ");
    if (/[A-Za-z]{1,}/.test(left)) found.push([place, text.trim().replace(/\s+/g, " ").slice(0, 120)]);
  }

  function walk(node) {
    if (node.nodeType === Node.TEXT_NODE) {
      look(node.data, where(node.parentElement));
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE || node.matches(DATA)) return;
    const before = depth;
    depth = 0; // attributes are texts of their own
    for (const name of SAID) if (node.hasAttribute(name)) look(node.getAttribute(name), `${where(node)}[${name}]`);
    if (depth) found.push([where(node), "unbalanced brackets in an attribute"]);
    depth = before;
    node.childNodes.forEach(walk);
    const isBlock = /^(block|flex|grid|list-item|table-cell|none)$/.test(getComputedStyle(node).display);
    if (isBlock && depth > before) {
      found.push([where(node), `a sentence does not end: ${node.textContent.trim().slice(0, 120)}`]);
      depth = before;
    }
  }

  look(document.title, "title");
  walk(document.body);
  return found;
}
