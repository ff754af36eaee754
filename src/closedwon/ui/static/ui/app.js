/* Small behaviours: theme, palette, keys, drawer, tree, menus. No state lives here; the server renders. */
(() => {
  const $ = (s, root = document) => root.querySelector(s), $$ = (s, root = document) => [...root.querySelectorAll(s)];
  const root = document.documentElement;
  const typing = (e) => /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) || e.target.isContentEditable;

  // theme: the choice, else the system's
  const wanted = () => localStorage.getItem("cw-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const paint = () => root.setAttribute("data-bs-theme", wanted());
  paint();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

  document.addEventListener("click", (e) => {
    const theme = e.target.closest("[data-theme-switch]");
    if (theme) { localStorage.setItem("cw-theme", wanted() === "dark" ? "light" : "dark"); paint(); }
    if (e.target.closest("[data-palette]")) { e.preventDefault(); openPalette(); }
    if (e.target.closest("[data-close]") || (e.target.tagName === "DIALOG")) e.target.closest("dialog")?.close();
    const twist = e.target.closest("[data-twist]");
    if (twist) { e.preventDefault(); toggle(twist.closest("tr")); }
    const drawer = e.target.closest("[data-drawer]");
    if (drawer && !e.metaKey && !e.ctrlKey) { e.preventDefault(); openDrawer(drawer.href || drawer.dataset.drawer); }
    const print = e.target.closest("[data-print]"); if (print) window.print();
  });
  document.addEventListener("change", (e) => { if (e.target.closest("[data-autosubmit]")) e.target.form.requestSubmit(); });

  // tree tables: rows carry data-path; a closed row hides every path below it
  const toggle = (row, open) => {
    const button = $("[data-twist]", row); if (!button) return;
    const show = open ?? button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", show); button.textContent = show ? "▾" : "▸";
    refreshTree(row.closest("tbody"));
  };
  const refreshTree = (body) => {
    const closed = $$("tr[data-path]", body).filter((r) => $("[data-twist][aria-expanded=false]", r)).map((r) => r.dataset.path + "/");
    $$("tr[data-path]", body).forEach((r) => { r.hidden = closed.some((p) => r.dataset.path.startsWith(p)); });
  };
  const ready = (scope) => { $$("tbody[data-tree]", scope).forEach(refreshTree); };
  document.addEventListener("DOMContentLoaded", () => ready(document));
  document.addEventListener("htmx:afterSwap", (e) => ready(e.target));

  // drawer
  const openDrawer = async (url) => {
    const box = $("#drawer"); const inner = $(".in", box);
    inner.textContent = "…"; box.showModal();
    const answer = await fetch(url, { headers: { "HX-Request": "true", "X-Drawer": "1" } });
    inner.innerHTML = await answer.text(); window.htmx?.process(inner); $("h2,h1", inner)?.focus?.();
  };

  // palette
  let timer;
  const openPalette = () => { const box = $("#palette"); box.showModal(); const input = $("input", box); input.value = ""; find(""); input.focus(); };
  const find = async (q) => {
    const answer = await fetch("/palette?q=" + encodeURIComponent(q), { headers: { "HX-Request": "true" } });
    $("#palette ul").innerHTML = await answer.text(); $("#palette li a")?.classList.add("on");
  };
  document.addEventListener("input", (e) => { if (e.target.matches("#palette input")) { clearTimeout(timer); timer = setTimeout(() => find(e.target.value), 120); } });
  const move = (step) => { const items = $$("#palette li a"); const at = items.findIndex((a) => a.classList.contains("on")); items[at]?.classList.remove("on"); const next = items[(at + step + items.length) % items.length]; next?.classList.add("on"); next?.scrollIntoView({ block: "nearest" }); };

  // lists: j and k walk, Enter opens
  const rows = () => $$("table.data tbody tr:not([hidden])");
  const walk = (step) => { const all = rows(); if (!all.length) return; let at = all.findIndex((r) => r.classList.contains("focus")); all[at]?.classList.remove("focus"); at = Math.min(Math.max(at + step, 0), all.length - 1); all[at].classList.add("focus"); all[at].scrollIntoView({ block: "nearest" }); };
  document.addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") { e.preventDefault(); return openPalette(); }
    if ((e.ctrlKey || e.metaKey) && e.key === "Enter" && e.target.form) { e.preventDefault(); return e.target.form.requestSubmit(); }
    if ($("#palette").open) {
      if (e.key === "ArrowDown") { e.preventDefault(); move(1); } else if (e.key === "ArrowUp") { e.preventDefault(); move(-1); }
      else if (e.key === "Enter") { e.preventDefault(); $("#palette li a.on")?.click(); }
      return;
    }
    if (typing(e) || e.ctrlKey || e.metaKey || e.altKey) return;
    const focus = $("table.data tr.focus");
    if (e.key === "?") $("#keys").showModal();
    else if (e.key === "j") walk(1);
    else if (e.key === "k") walk(-1);
    else if (e.key === "Enter" && focus) $("a", focus)?.click();
    else if (e.key === "ArrowRight" && focus) toggle(focus, true);
    else if (e.key === "ArrowLeft" && focus) toggle(focus, false);
    else if (/^[ear]$/.test(e.key)) $(`[data-key="${e.key}"]`, focus || document)?.click();
    else if (e.key === "/") { e.preventDefault(); ($("[data-search]") || $("#palette input"))?.focus(); }
  });

  // toasts leave by themselves; errors stay until closed
  setTimeout(() => $$(".toast-cw:not(.error)").forEach((t) => t.remove()), 6000);
  document.addEventListener("htmx:responseError", (e) => { const t = document.createElement("div"); t.className = "toast-cw error"; t.setAttribute("role", "alert"); t.textContent = e.detail.xhr.getResponseHeader("X-Message") || "That did not work. Try again, or reload the page."; $(".toasts").append(t); });
})();
