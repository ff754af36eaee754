/* Completion in a text area: a list of words below the caret. `closedwonComplete(area, offers)` takes a function (forced) => { start, words }. */
(() => {
  const FUNCTIONS = () => JSON.parse(document.getElementById("formula-functions")?.textContent || "[]");
  let functions = null;

  /* what may stand at the caret of a formula: its names, then the functions */
  window.closedwonFormulaWords = (before, names, forced) => {
    functions = functions || FUNCTIONS();
    const quotes = (before.match(/"/g) || []).length;
    const found = before.match(/[A-Za-z_][\w.]*$/);
    if (quotes % 2 === 1 || (!found && !forced)) return { start: before.length, words: [] };
    const word = found ? found[0] : "", low = word.toLowerCase();
    const own = Object.entries(names || {}).map(([key, about]) => ({ key, about, put: key }));
    const all = [...own, ...functions.map((one) => ({ ...one, put: one.key }))];
    const words = all.filter((one) => one.key.toLowerCase().startsWith(low) && one.key !== word);
    return { start: before.length - word.length, words };
  };

  window.closedwonComplete = (area, offers) => {
    let list = null, words = [], chosen = 0, start = 0;
    const close = () => { list?.remove(); list = null; area.removeAttribute("aria-activedescendant"); area.removeAttribute("aria-controls"); };
    const mark = (to) => {
      chosen = (to + words.length) % words.length;
      [...list.children].forEach((one, at) => one.setAttribute("aria-selected", String(at === chosen)));
      list.children[chosen].scrollIntoView({ block: "nearest" });
      area.setAttribute("aria-activedescendant", `word-${chosen}`);
    };
    const take = (at) => {
      const word = words[at];
      close();
      area.setRangeText(word.put, start, area.selectionStart, "end");
      area.focus();
      area.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const place = () => {
      const style = getComputedStyle(area), height = parseFloat(style.lineHeight) || parseFloat(style.fontSize) * 1.5;
      const before = area.value.slice(0, area.selectionStart), line = before.slice(before.lastIndexOf("\n") + 1);
      const brush = document.createElement("canvas").getContext("2d");
      brush.font = style.font;
      const top = parseFloat(style.paddingTop) + before.split("\n").length * height - area.scrollTop;
      const left = parseFloat(style.paddingLeft) + brush.measureText(line).width - area.scrollLeft;
      list.style.top = `${area.offsetTop + Math.min(top, area.clientHeight)}px`;
      list.style.left = `${area.offsetLeft + Math.max(0, Math.min(left, area.clientWidth - list.offsetWidth))}px`;
    };
    const offer = (forced) => {
      close();
      const found = area.readOnly ? { words: [] } : offers(forced);
      words = found.words.slice(0, 40);
      start = found.start;
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
      area.parentElement.classList.add("policy-area");
      area.parentElement.append(list);
      area.setAttribute("aria-controls", "policy-words");
      place();
      mark(0);
    };
    area.addEventListener("blur", () => setTimeout(close, 150));
    area.addEventListener("input", (event) => { if (event.inputType) offer(false); });
    area.addEventListener("keydown", (event) => {
      if (event.key === " " && event.ctrlKey) { event.preventDefault(); offer(true); return; }
      if (!list || event.ctrlKey || event.metaKey) return;
      const stop = () => { event.preventDefault(); event.stopImmediatePropagation(); };
      if (event.key === "ArrowDown" || event.key === "ArrowUp") { stop(); mark(chosen + (event.key === "ArrowDown" ? 1 : -1)); }
      if (event.key === "Enter" || event.key === "Tab") { stop(); take(chosen); }
      if (event.key === "Escape") { stop(); close(); }
    });
  };
})();
