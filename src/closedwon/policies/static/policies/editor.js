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
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      text.form.requestSubmit(text.form.querySelector("[value=apply]"));
    }
  });
  paint();
})();
