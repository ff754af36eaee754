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
  const go = (line, column) => {
    const lines = text.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    text.focus();
    text.setSelectionRange(start + (column ? column - 1 : 0), start + (lines[line - 1] || "").length);
    text.scrollTop = Math.max(0, (line - 6) * (text.scrollHeight / lines.length));
  };

  text.addEventListener("input", paint);
  text.addEventListener("scroll", () => { gutter.scrollTop = text.scrollTop; });
  document.addEventListener("htmx:afterSettle", paint);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    if (link) { event.preventDefault(); go(Number(link.dataset.line), Number(link.dataset.column || 0)); }
  });
  /* completion: the keys that may stand in the table around the caret, and the values of the key before it */
  const known = JSON.parse(document.getElementById("policy-keys")?.textContent || "null");
  const around = () => {
    const before = text.value.slice(0, text.selectionStart);
    const heads = [...before.matchAll(/^\s*\[\[?([\w.-]+)\]\]?/gm)];
    const line = before.slice(before.lastIndexOf("\n") + 1);
    return { table: heads.length ? heads[heads.length - 1][1] : "", line, before };
  };
  /* a mapping's keys are the company's own: the table around the caret is also looked for without its last name */
  const keysOf = (table) => known[table] || known[table.replace(/[^.]+$/, "*")] || known[table.replace(/[^.]+\.([^.]+)$/, "*.$1")] || [];
  const put = (start, words) => ({ start, words });
  const offers = (forced) => {
    const { table, line } = around();
    const at = text.selectionStart, keys = keysOf(table);
    let found = line.match(/(?:^|[{,])\s*([\w-]+)\s*=\s*(['"])(.*)$/);
    const formula = found && keys.find((one) => one.key === found[1] && one.names);
    if (formula && !found[3].includes(found[2])) {
      const offer = window.closedwonFormulaWords(found[2] === '"' ? found[3].replaceAll('\\"', '"') : found[3], formula.names, forced);
      return put(at - (found[3].length - Math.min(found[3].length, offer.start)), offer.words);
    }
    found = line.match(/^\s*([\w-]+)\s*=\s*(\[[^\]]*?)?("?[\w -]*)$/);
    if (found) {
      const key = keys.find((one) => one.key === found[1]);
      return put(at - found[3].length, (key?.values || []).filter((value) => value.startsWith(found[3]) && value !== found[3]).map((value) => ({ key: value, about: "", put: value })));
    }
    found = line.match(/^\s*([\w-]*)$/);
    if (found && (found[1] || forced)) return put(at - found[1].length, keys.filter((one) => one.key.startsWith(found[1]) && one.key !== found[1]).map((one) => ({ ...one, put: `${one.key} = ` })));
    found = line.match(/^\s*\[\[?([\w.-]*)$/);
    if (!found) return put(at, []);
    return put(at - found[1].length, Object.keys(known).filter((one) => one && !one.includes("*") && one.startsWith(found[1])).map((one) => ({ key: one, about: "", put: one })));
  };
  if (known) window.closedwonComplete(text, offers);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      text.form.requestSubmit(text.form.querySelector("[value=apply]"));
    }
  });
  paint();
})();
