/* The policy forms: mistakes shown at their fields, cards that stay open, Ctrl-Enter applies. The server checks and writes the text. */
(() => {
  const form = document.getElementById("policy-form");
  if (!form) return;
  const within = (name) => form.querySelector(`[data-field="${CSS.escape(name)}"]`);
  const nearest = (path) => {
    const parts = path.split(".");
    while (parts.length) {
      const name = parts.join("."), input = document.getElementById(`f-${name}`), group = within(name);
      if (input || group) return { input, group: group || input.closest("[data-field],td") };
      parts.pop();
    }
    return {};
  };
  const paint = () => {
    form.querySelectorAll(".policy-error").forEach((one) => one.remove());
    form.querySelectorAll("[aria-invalid]").forEach((one) => { one.removeAttribute("aria-invalid"); one.removeAttribute("aria-describedby"); });
    form.querySelectorAll(".policy-bad, .policy-wrong").forEach((one) => one.classList.remove("policy-bad", "policy-wrong"));
    const fields = JSON.parse(document.querySelector("#checked, #results")?.dataset.fields || "{}");
    Object.entries(fields).forEach(([path, said], at) => {
      const found = nearest(path), group = found.group;
      if (!group) return;
      if (said.some((one) => one.tone === "bad")) group.closest("tr")?.classList.add("policy-bad");
      const wide = form.querySelector(`[data-errors="${CSS.escape(path)}"]`);
      const input = wide || found.input || (group.tagName === "TR" && group.querySelector("input:not([type=hidden]),select,textarea"));
      if (!input) return;
      const word = document.createElement("div"), bad = said.some((one) => one.tone === "bad");
      word.className = `policy-error ${bad ? "cw-error" : "policy-warn"}`;
      word.id = `e-${at}`;
      said.forEach((one) => {
        const line = document.createElement("p");
        line.textContent = one.said;
        word.append(line);
        if (one.where && !input.closest("td")) { const caret = document.createElement("pre"); caret.className = "policy-caret"; caret.textContent = one.where; word.append(caret); }
      });
      (wide || input.closest("td") || group).append(word);
      if (wide) return;
      input.setAttribute("aria-describedby", word.id);
      if (bad) input.setAttribute("aria-invalid", "true");
      const card = input.closest("details");
      if (bad) for (let one = card; one; one = one.parentElement.closest("details")) one.classList.add("policy-wrong");
    });
  };
  const complete = () => form.querySelectorAll("textarea[data-formula]:not([data-completes])").forEach((area) => {
    area.dataset.completes = "1";
    window.closedwonComplete(area, (forced) => {
      const names = JSON.parse(document.getElementById("form-body").dataset.names || "{}");
      return window.closedwonFormulaWords(area.value.slice(0, area.selectionStart), names[area.dataset.formula], forced);
    });
  });

  let open = new Set();
  document.addEventListener("htmx:beforeSwap", () => { open = new Set([...form.querySelectorAll("details[open]")].map((one) => one.id)); });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.elt?.id === "form-body" || event.detail.target?.id === "form-body") {
      form.querySelectorAll("details").forEach((one) => { if (open.has(one.id)) one.open = true; });
      htmx.trigger(form.querySelector(".policy-body"), "input");
      form.querySelector("#form-body [autofocus]")?.focus();
      complete();
    }
    paint();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-goto]");
    if (!link) return;
    event.preventDefault();
    const { input, group } = nearest(link.dataset.goto);
    let card = (input || group)?.closest("details");
    while (card) { card.open = true; card = card.parentElement.closest("details"); }
    (input || group)?.scrollIntoView({ block: "center" });
    input?.focus();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      form.requestSubmit(form.querySelector("[value=apply]"));
    }
  });
  complete();
  paint();
})();
