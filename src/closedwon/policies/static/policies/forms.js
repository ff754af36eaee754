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
    form.querySelectorAll(".policy-bad").forEach((one) => one.classList.remove("policy-bad"));
    const fields = JSON.parse(document.getElementById("checked")?.dataset.fields || "{}");
    Object.entries(fields).forEach(([path, said], at) => {
      const found = nearest(path), group = found.group;
      if (!group) return;
      group.closest("tr")?.classList.add("policy-bad");
      const input = found.input || (group.tagName === "TR" && group.querySelector("input:not([type=hidden]),select,textarea"));
      if (!input) return;
      const word = document.createElement("p");
      word.className = "cw-error policy-error";
      word.id = `e-${at}`;
      word.textContent = said.join(" ");
      (input.closest("td") || group).append(word);
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", word.id);
    });
  };

  let open = new Set();
  document.addEventListener("htmx:beforeSwap", () => { open = new Set([...form.querySelectorAll("details[open]")].map((one) => one.id)); });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.elt?.id === "form-body" || event.detail.target?.id === "form-body") {
      form.querySelectorAll("details").forEach((one) => { if (open.has(one.id)) one.open = true; });
      htmx.trigger(form.querySelector(".policy-body"), "input");
      form.querySelector("#form-body [autofocus]")?.focus();
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
  paint();
})();
