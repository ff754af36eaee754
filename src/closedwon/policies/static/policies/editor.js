/* The policy editor: line numbers that follow the text, and mistakes marked on their lines. The server checks. */
(() => {
  const text = document.getElementById("text");
  const gutter = document.querySelector(".policy-gutter");
  if (!text || !gutter) return;

  const paint = () => {
    const wrong = new Set((document.getElementById("checked")?.dataset.wrong || "").split(","));
    const count = text.value.split("\n").length;
    gutter.replaceChildren(...Array.from({ length: count }, (_, at) => {
      const line = document.createElement(wrong.has(String(at + 1)) ? "b" : "span");
      line.textContent = (wrong.has(String(at + 1)) ? "● " : "") + (at + 1) + "\n";
      return line;
    }));
    gutter.scrollTop = text.scrollTop;
  };
  const go = (line) => {
    const lines = text.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    text.focus();
    text.setSelectionRange(start, start + (lines[line - 1] || "").length);
    text.scrollTop = Math.max(0, (line - 6) * (text.scrollHeight / lines.length));
  };

  text.addEventListener("input", paint);
  text.addEventListener("scroll", () => { gutter.scrollTop = text.scrollTop; });
  document.addEventListener("htmx:afterSettle", paint);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    if (link) { event.preventDefault(); go(Number(link.dataset.line)); }
  });
  /* completion: the keys that may stand in the table around the caret, and the values of the key before it */
  const known = JSON.parse(document.getElementById("policy-keys")?.textContent || "null");
  let list = null, words = [], chosen = 0, start = 0;
  const close = () => { list?.remove(); list = null; text.removeAttribute("aria-activedescendant"); text.removeAttribute("aria-controls"); };
  const around = () => {
    const before = text.value.slice(0, text.selectionStart);
    const heads = [...before.matchAll(/^\s*\[\[?([\w.-]+)\]\]?/gm)];
    const line = before.slice(before.lastIndexOf("\n") + 1);
    return { table: heads.length ? heads[heads.length - 1][1] : "", line, before };
  };
  const offers = (forced) => {
    const { table, line } = around();
    const keys = known[table] || [];
    let found = line.match(/^\s*([\w-]+)\s*=\s*(\[[^\]]*?)?("?[\w -]*)$/);
    if (found) {
      const key = keys.find((one) => one.key === found[1]);
      start = text.selectionStart - found[3].length;
      return (key?.values || []).filter((value) => value.startsWith(found[3]) && value !== found[3]).map((value) => ({ key: value, about: "", put: value }));
    }
    found = line.match(/^\s*([\w-]*)$/);
    if (found && (found[1] || forced)) {
      start = text.selectionStart - found[1].length;
      return keys.filter((one) => one.key.startsWith(found[1]) && one.key !== found[1]).map((one) => ({ ...one, put: `${one.key} = ` }));
    }
    found = line.match(/^\s*\[\[?([\w.-]*)$/);
    if (!found) return [];
    start = text.selectionStart - found[1].length;
    return Object.keys(known).filter((one) => one && one.startsWith(found[1])).map((one) => ({ key: one, about: "", put: one }));
  };
  const mark = (to) => {
    chosen = (to + words.length) % words.length;
    [...list.children].forEach((one, at) => one.setAttribute("aria-selected", String(at === chosen)));
    list.children[chosen].scrollIntoView({ block: "nearest" });
    text.setAttribute("aria-activedescendant", `word-${chosen}`);
  };
  const take = (at) => { const word = words[at]; close(); text.setRangeText(word.put, start, text.selectionStart, "end"); text.focus(); text.dispatchEvent(new Event("input", { bubbles: true })); };
  const offer = (forced) => {
    close();
    words = known && !text.readOnly ? offers(forced).slice(0, 30) : [];
    if (!words.length) return;
    list = document.createElement("ul");
    list.className = "policy-words";
    list.id = "policy-words";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "What may stand here");
    words.forEach((word, at) => {
      const one = document.createElement("li");
      one.id = `word-${at}`;
      one.setAttribute("role", "option");
      one.textContent = word.key;
      if (word.about) { const small = document.createElement("small"); small.textContent = word.about; one.append(small); }
      one.addEventListener("mousedown", (event) => { event.preventDefault(); take(at); });
      list.append(one);
    });
    const style = getComputedStyle(text), height = parseFloat(style.lineHeight), { before, line } = around();
    const brush = document.createElement("canvas").getContext("2d");
    brush.font = style.font;
    text.parentElement.append(list);
    list.style.top = `${parseFloat(style.paddingTop) + before.split("\n").length * height - text.scrollTop}px`;
    list.style.left = `${Math.max(0, Math.min(parseFloat(style.paddingLeft) + brush.measureText(line).width - text.scrollLeft, text.clientWidth - list.offsetWidth))}px`;
    text.setAttribute("aria-controls", "policy-words");
    mark(0);
  };
  text.addEventListener("blur", () => setTimeout(close, 150));
  text.addEventListener("input", (event) => { if (event.inputType) offer(false); });
  text.addEventListener("keydown", (event) => {
    if (event.key === " " && event.ctrlKey) { event.preventDefault(); return offer(true); }
    if (list && !event.ctrlKey && !event.metaKey) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); return mark(chosen + (event.key === "ArrowDown" ? 1 : -1)); }
      if (event.key === "Enter" || event.key === "Tab") { event.preventDefault(); event.stopPropagation(); return take(chosen); }
      if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); return close(); }
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      text.form.requestSubmit(text.form.querySelector("[value=apply]"));
    }
  });
  paint();
})();
