/* closedwon: theme, palette, drawer, keys, trees, charts. Small, no framework, no eval. */
(() => {
  "use strict";
  const root = document.documentElement;
  const $ = (query, at = document) => at.querySelector(query);
  const $$ = (query, at = document) => [...at.querySelectorAll(query)];
  const STATIC = ($("#cw-js") || {dataset: {}}).dataset.static || "/static/";

  /* theme */
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const wanted = root.dataset.theme;
    root.dataset.bsTheme = wanted === "auto" ? (dark.matches ? "dark" : "light") : wanted;
    $$("[data-set-theme]").forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.setTheme === wanted)));
    document.dispatchEvent(new Event("cw:theme"));
  };
  dark.addEventListener("change", paint);
  const setTheme = (name) => {
    root.dataset.theme = name;
    document.cookie = `cw_theme=${name};path=/;max-age=31536000;samesite=lax${location.protocol === "https:" ? ";secure" : ""}`;
    paint();
  };

  /* toasts */
  const toast = (text, tone) => {
    const box = $("#toasts");
    if (!box || !text) return;
    const one = document.createElement("div");
    one.className = "cw-toast" + (tone === "error" ? " cw-toast-error" : "");
    const words = document.createElement("p");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button"; close.dataset.dismiss = ""; close.textContent = "OK";
    one.append(words, close);
    box.append(one);
    fade(one);
  };
  const fade = (one) => {
    if (one.classList.contains("cw-toast-error")) return;
    let left = setTimeout(() => one.remove(), 9000);
    const stop = () => clearTimeout(left);
    one.addEventListener("mouseenter", stop); one.addEventListener("focusin", stop);
  };

  /* dialogs and the drawer: Back closes it */
  const drawer = () => $("#drawer");
  let drawerFrom = null;
  const openDrawer = (href, from) => {
    const box = drawer();
    if (!box || !window.htmx) { location.href = href; return; }
    drawerFrom = box.open ? drawerFrom : from;
    $("#drawer-full").href = href;
    const body = $("#drawer-body");
    body.innerHTML = '<div class="cw-page"><div class="cw-empty" role="status">Loading</div></div>';
    if (!box.open) { box.showModal(); history.pushState({drawer: href}, "", location.href); }
    window.htmx.ajax("GET", href, {target: "#drawer-body", swap: "innerHTML", select: "#page, .cw-page"});
  };
  const closeDrawer = (pop) => {
    const box = drawer();
    if (!box || !box.open) return;
    box.close();
    if (!pop && history.state && history.state.drawer) history.back();
    if (drawerFrom && document.contains(drawerFrom)) drawerFrom.focus();
  };
  addEventListener("popstate", () => closeDrawer(true));

  /* palette */
  let asked = 0, wait;
  const hits = () => $$("#palette-hits [role=option]");
  const mark = (to) => {
    const all = hits();
    if (!all.length) { $("#palette-q").removeAttribute("aria-activedescendant"); return; }
    const at = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
    const next = all[(to === undefined ? 0 : at + to + all.length) % all.length];
    all.forEach((one) => one.setAttribute("aria-selected", String(one === next)));
    next.scrollIntoView({block: "nearest"});
    $("#palette-q").setAttribute("aria-activedescendant", next.id);
  };
  const search = () => {
    const input = $("#palette-q"), number = ++asked;
    fetch(`${input.dataset.url}?q=${encodeURIComponent(input.value)}`, {headers: {"HX-Request": "true"}, credentials: "same-origin"})
      .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status)))
      .then((html) => { if (number === asked) { $("#palette-hits").innerHTML = html; mark(); } })
      .catch(() => { if (number === asked) $("#palette-hits").textContent = "The search did not answer. Try again."; });
  };
  const openPalette = () => { const box = $("#palette"); if (!box || box.open) return; $$("dialog[open]").forEach((one) => one.close()); box.showModal(); const input = $("#palette-q"); input.value = ""; input.focus(); search(); };
  const go = (hit) => {
    const kept = $("#palette-q").dataset.keep;
    const href = hit.getAttribute("href");
    location.href = kept && hit.dataset.kind === "Page" ? href + (href.includes("?") ? "&" : "?") + kept : href;
  };

  /* rows: j, k, Enter, e, a */
  const rows = () => $$("[data-row]").filter((one) => one.offsetParent !== null && !one.hidden);
  const at = () => $("[data-row].cw-at");
  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const now = all.indexOf(at());
    const next = all[Math.max(0, Math.min(all.length - 1, now < 0 ? (by > 0 ? 0 : all.length - 1) : now + by))];
    choose(next);
  };
  const choose = (row) => { $$(".cw-at").forEach((one) => one.classList.remove("cw-at")); row.classList.add("cw-at"); row.focus({preventScroll: true}); row.scrollIntoView({block: "nearest"}); };
  const press = (what) => { const scope = at() || document; const one = $(`[data-key="${what}"]`, scope) || $(`[data-key="${what}"]`); if (one) { one.click(); one.focus(); } return Boolean(one); };

  /* trees */
  const nodes = (tree) => $$("tbody tr[data-node]", tree);
  const spread = (tree) => {
    const open = new Map([["", true]]);
    nodes(tree).forEach((row) => {
      const shown = open.get(row.dataset.parent) !== false;
      row.hidden = !shown;
      open.set(row.dataset.node, shown && row.getAttribute("aria-expanded") !== "false");
    });
    const all = nodes(tree).every((row) => row.getAttribute("aria-expanded") !== "false");
    const button = $("[data-tree-all]", tree);
    if (button) { button.dataset.treeAll = all ? "close" : "open"; button.textContent = all ? "Close all" : "Open all"; }
    try { sessionStorage.setItem(`cw:${tree.id}`, JSON.stringify(nodes(tree).filter((r) => r.hasAttribute("aria-expanded")).map((r) => [r.dataset.node, r.getAttribute("aria-expanded")]))); } catch (_) { /* the browser keeps nothing */ }
  };
  const turn = (row, wanted) => {
    if (!row.hasAttribute("aria-expanded")) return;
    row.setAttribute("aria-expanded", String(wanted === undefined ? row.getAttribute("aria-expanded") !== "true" : wanted));
    spread(row.closest(".cw-tree"));
  };
  const recall = (tree) => {
    try {
      const kept = new Map(JSON.parse(sessionStorage.getItem(`cw:${tree.id}`) || "[]"));
      nodes(tree).forEach((row) => { if (kept.has(row.dataset.node) && row.hasAttribute("aria-expanded")) row.setAttribute("aria-expanded", kept.get(row.dataset.node)); });
    } catch (_) { /* the browser keeps nothing */ }
    spread(tree);
  };

  /* charts */
  let loading;
  const script = (name) => new Promise((done, failed) => { const one = document.createElement("script"); one.src = `${STATIC}vendor/${name}`; one.onload = done; one.onerror = failed; document.head.append(one); });
  const library = () => (loading = loading || script("vega.min.js").then(() => script("vega-lite.min.js")).then(() => Promise.all([script("vega-embed.min.js"), script("vega-interpreter.js")])));
  const colours = () => {
    const now = getComputedStyle(root), of = (name) => now.getPropertyValue(name).trim();
    return {background: "transparent", font: "Inter Variable, Inter, sans-serif", axis: {labelColor: of("--cw-muted"), titleColor: of("--cw-muted"), gridColor: of("--cw-line"), domainColor: of("--cw-line"), tickColor: of("--cw-line"), labelFontSize: 11.5, labelFontWeight: 500}, text: {color: of("--cw-ink"), fontSize: 12}, range: root.dataset.bsTheme === "dark" ? {category: ["#7da2ff", "#4cc38a", "#e3b341", "#c79bf2", "#ff8a80", "#8fb7c6"]} : undefined};
  };
  const draw = (box) => {
    const spec = JSON.parse($("[data-spec]", box.parentElement).textContent);
    if (root.dataset.bsTheme === "dark") brighten(spec);
    library().then(() => window.vegaEmbed(box, spec, {mode: "vega-lite", actions: false, renderer: "svg", ast: true, expr: window.vega.expressionInterpreter, config: colours(), tooltip: {theme: root.dataset.bsTheme === "dark" ? "dark" : "light"}}))
      .then((made) => { box.view = made.view; box.removeAttribute("style"); })
      .catch(() => { box.textContent = "The chart could not be drawn; the table below has its numbers."; });
  };
  const BRIGHT = {"#2456d6": "#7da2ff", "#0f8a5f": "#4cc38a", "#c77700": "#e3b341", "#8a4fbf": "#c79bf2", "#b3261e": "#ff8a80", "#4a7a8c": "#8fb7c6"};
  const brighten = (part) => { Object.entries(part).forEach(([key, value]) => { if (value && typeof value === "object") brighten(value); else if (BRIGHT[value]) part[key] = BRIGHT[value]; }); };
  const drawAll = (within = document) => $$("[data-vega]", within).forEach(draw);
  document.addEventListener("cw:theme", () => { if (loading) drawAll(); });

  const download = (name, kind, body) => { const link = document.createElement("a"); link.href = body.startsWith && body.startsWith("data:") ? body : URL.createObjectURL(new Blob([body], {type: kind})); link.download = name; document.body.append(link); link.click(); link.remove(); };
  const standalone = (svg) => {
    const copy = svg.cloneNode(true), from = $$("*", svg), to = $$("*", copy);
    from.forEach((one, n) => { const style = getComputedStyle(one); ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size", "font-weight", "opacity"].forEach((name) => to[n].style.setProperty(name, style.getPropertyValue(name))); });
    const size = svg.viewBox.baseVal && svg.viewBox.baseVal.width ? svg.viewBox.baseVal : svg.getBoundingClientRect();
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg"); copy.setAttribute("width", size.width); copy.setAttribute("height", size.height);
    return [new XMLSerializer().serializeToString(copy), size];
  };
  const savePicture = (chart, kind) => {
    const name = chart.dataset.chartName || "chart", svg = $("[data-picture]", chart) || $("[data-vega] svg", chart);
    if (kind === "csv") {
      const safe = (text) => { const t = text.trim(); return /^[=@\t\r]|^[+\-](?![\d.,]+$)/.test(t) ? "'" + t : t; };
      const lines = $$("tr", $("[data-csv]", chart)).map((tr) => $$("th,td", tr).map((cell) => `"${safe(cell.textContent).replaceAll('"', '""')}"`).join(","));
      return download(`${name}.csv`, "text/csv;charset=utf-8", "\ufeff" + lines.join("\r\n") + "\r\n");
    }
    if (!svg) return;
    const [text, size] = standalone(svg);
    if (kind === "svg") return download(`${name}.svg`, "image/svg+xml", text);
    const image = new Image(), canvas = document.createElement("canvas");
    canvas.width = size.width * 2; canvas.height = size.height * 2;
    image.onload = () => { const pen = canvas.getContext("2d"); pen.fillStyle = getComputedStyle(root).getPropertyValue("--cw-paper"); pen.fillRect(0, 0, canvas.width, canvas.height); pen.scale(2, 2); pen.drawImage(image, 0, 0); download(`${name}.png`, "image/png", canvas.toDataURL("image/png")); };
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  };

  /* clicks */
  const shut = (except) => $$("details.cw-drop[open]").forEach((one) => { if (one !== except && !one.contains(except)) one.open = false; });
  document.addEventListener("click", (event) => {
    const hit = (query) => event.target.closest(query);
    shut(hit("details.cw-drop"));
    const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
    let one;
    if ((one = hit("[data-set-theme]"))) return setTheme(one.dataset.setTheme);
    if ((one = hit("[data-dismiss]"))) return one.closest(".cw-toast").remove();
    if ((one = hit("[data-open]"))) { event.preventDefault(); if (one.dataset.open === "palette") return openPalette(); const box = document.getElementById(one.dataset.open); return box && box.showModal(); }
    if ((one = hit("[data-close]"))) { const box = one.closest("dialog"); return box.id === "drawer" ? closeDrawer() : box.close(); }
    if (event.target.tagName === "DIALOG") { const area = event.target.getBoundingClientRect(); const outside = event.clientX < area.left || event.clientX > area.right || event.clientY < area.top || event.clientY > area.bottom; if (outside) return event.target.id === "drawer" ? closeDrawer() : event.target.close(); }
    if ((one = hit("a[download],[data-save]")) && one.closest("details.cw-drop")) one.closest("details.cw-drop").open = false;
    if ((one = hit("[data-save]"))) return savePicture(one.closest(".cw-chart"), one.dataset.save);
    if ((one = hit("[data-tree-all]"))) { const tree = one.closest(".cw-tree"), open = one.dataset.treeAll === "open"; nodes(tree).forEach((row) => row.hasAttribute("aria-expanded") && row.setAttribute("aria-expanded", String(open))); return spread(tree); }
    if ((one = hit(".cw-twist"))) { if (one.tagName === "BUTTON") turn(one.closest("tr")); return; }
    if ((one = hit("#palette-hits [role=option]")) && plain) { event.preventDefault(); return go(one); }
    if ((one = hit("a[data-drawer]")) && plain) { event.preventDefault(); return openDrawer(one.href, one); }
    if ((one = hit("tr[data-href]")) && plain && !hit("a,button,input,select,label,summary,textarea") && !String(getSelection())) { const link = $("a[data-drawer]", one); if (link) return openDrawer(link.href, link); location.href = one.dataset.href; }
  });
  document.addEventListener("change", (event) => { const form = event.target.closest("form[data-submit-on-change]"); if (form && form.reportValidity()) form.requestSubmit(); });
  document.addEventListener("input", (event) => { if (event.target.id === "palette-q") { clearTimeout(wait); wait = setTimeout(search, 110); } });
  document.addEventListener("cancel", (event) => { if (event.target.id === "drawer") { event.preventDefault(); closeDrawer(); } }, true);

  /* keys */
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input,textarea,select,[contenteditable=true]");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); return openPalette(); }
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") { const form = event.target.closest("form") || $("main form[method=post]"); if (form) { event.preventDefault(); form.requestSubmit(); } return; }
    if (event.target.id === "palette-q") {
      if (event.key === "ArrowDown") { event.preventDefault(); mark(1); } else if (event.key === "ArrowUp") { event.preventDefault(); mark(-1); }
      else if (event.key === "Enter") { event.preventDefault(); const one = hits().find((hit) => hit.getAttribute("aria-selected") === "true"); if (one) go(one); }
      return;
    }
    if (event.key === "Escape") { const open = $("details.cw-drop[open]"); if (open) { open.open = false; $("summary", open).focus(); event.preventDefault(); } return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = event.target.closest("tr[data-row]") || at();
    switch (event.key) {
      case "j": step(1); break;
      case "k": step(-1); break;
      case "ArrowDown": if (!event.target.closest(".cw-tree tr")) return; step(1); break;
      case "ArrowUp": if (!event.target.closest(".cw-tree tr")) return; step(-1); break;
      case "ArrowRight": if (!row || !row.dataset.node) return; if (row.getAttribute("aria-expanded") === "true") step(1); else turn(row, true); break;
      case "ArrowLeft": { if (!row || !row.dataset.node) return; if (row.getAttribute("aria-expanded") === "true") turn(row, false); else { const up = nodes(row.closest(".cw-tree")).find((one) => one.dataset.node === row.dataset.parent); if (up) choose(up); } break; }
      case "Enter": { if (!row || event.target.closest("a,button,summary")) return; const link = $("[data-key=e]", row) || $("a", row); if (link) link.click(); else if (row.dataset.href) location.href = row.dataset.href; else turn(row); break; }
      case "e": if (!press("e")) return; break;
      case "a": case "r": if (!press(event.key)) return; break;
      case "c": { const say = $("[data-key=c]"); if (!say) return; say.focus(); break; }
      case "/": { const find = $(".cw-search input"); if (!find) return; find.focus(); break; }
      case "?": { const keys = $("#keys"); if (keys && !keys.open) keys.showModal(); break; }
      default: return;
    }
    event.preventDefault();
  });
  document.addEventListener("focusin", (event) => { const row = event.target.closest("tr[data-row]"); if (row && !row.classList.contains("cw-at")) { $$(".cw-at").forEach((one) => one.classList.remove("cw-at")); row.classList.add("cw-at"); } });

  /* a table that is wider than its card shows that there is more to the right */
  const edge = (box) => { const card = box.closest(".cw-card"); if (card) card.classList.toggle("cw-more", box.scrollWidth - box.clientWidth - box.scrollLeft > 4); };
  const edges = (within) => $$(".cw-scroll", within).forEach((box) => { edge(box); box.addEventListener("scroll", () => edge(box), {passive: true}); });
  addEventListener("resize", () => $$(".cw-scroll").forEach(edge));

  /* htmx */
  const ready = (within) => { edges(within); $$(".cw-tree", within).forEach(recall); drawAll(within); $$(".cw-toast", within).forEach(fade); };
  document.addEventListener("htmx:beforeRequest", () => root.classList.add("cw-waiting"));
  document.addEventListener("htmx:afterRequest", () => root.classList.remove("cw-waiting"));
  document.addEventListener("htmx:afterSwap", (event) => { ready(event.detail.target.isConnected ? event.detail.target : document); if (event.detail.target.id === "drawer-body") { const title = $("h1,h2", event.detail.target); if (title) drawer().setAttribute("aria-label", title.textContent.trim()); } });
  document.addEventListener("htmx:responseError", (event) => { if (!(event.detail.xhr.getResponseHeader("HX-Trigger") || "").includes("cw:toast")) { const id = event.detail.xhr.getResponseHeader("X-Request-ID"); toast(`The page did not answer (${event.detail.xhr.status}). Try again${id ? `; the reference for whoever runs this site is ${id}` : ""}.`, "error"); } });
  document.addEventListener("htmx:sendError", () => toast("closedwon cannot be reached. Check the connection and try again.", "error"));
  document.addEventListener("cw:toast", (event) => { const said = event.detail || {}; (said.all || [said]).forEach((one) => toast(one.text, one.tone)); });

  const begin = () => { paint(); ready(document); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();
