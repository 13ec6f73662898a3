"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const columns = data.columns || [], rows = data.rows || [];
  const byId = id => document.getElementById(id);
  const form = byId("tools"), search = byId("search"), consumer = byId("consumer"), only = byId("only");
  const chips = [...form.querySelectorAll("button.chip")];
  const findings = [...document.querySelectorAll(".group li")];
  const groups = [...document.querySelectorAll(".group")];
  const repositories = rows.map((_, i) => byId("r" + i));
  for (const row of rows) {
    row.grants = new Map();
    for (let i = 0; i < row.cells.length; i += 2) row.grants.set(row.cells[i], row.cells[i + 1]);
  }

  const element = (name, properties, ...children) => {
    const e = Object.assign(document.createElement(name), properties);
    e.append(...children);
    return e;
  };
  const count = (n, one, many) => n.toLocaleString("en") + " " + (n === 1 ? one : many);

  // The bits of a cell: see grants in html.go.
  const signs = [["↓", "pull"], ["↑", "push"], ["◆", "manage"], ["i", "read"]];
  const cell = grants => {
    const td = document.createElement("td");
    if (!grants) return td;
    const texts = [];
    signs.forEach(([sign, access], i) => {
      if (access === "read" && grants & 3) return; // implied by pull
      for (const [bit, management] of [[1, "managed"], [2, "unmanaged"]]) {
        if (!(grants >> 2 * i & bit)) continue;
        td.append(element("i", {className: "mark " + management, ariaHidden: "true"}, sign));
        texts.push(access + " (" + management + ")");
      }
    });
    for (const [bit, name, sign, text] of [[256, "denied", "×", "some access is denied"], [512, "conditional", "?", "some access depends on conditions"]]) {
      if (!(grants & bit)) continue;
      td.append(element("i", {className: "mark " + name, ariaHidden: "true"}, sign));
      texts.push(text);
    }
    td.title = texts.join(", ");
    td.append(element("span", {className: "sr"}, td.title));
    return td;
  };

  // The matrix is built in pieces as it scrolls into view, because a large one has 50,000 cells.
  const piece = 60, scroll = byId("scroll");
  let shownRows = [], shownColumns = [], made = 0, body, end;
  const makeRows = until => {
    const fragment = document.createDocumentFragment();
    for (; made < Math.min(until, shownRows.length); made++) {
      const i = shownRows[made], row = rows[i];
      const head = element("th", {scope: "row"}, element("a", {href: "#r" + i}, row.name));
      if (row.worst) head.append(element("span", {className: "badge " + row.worst}, row.worst));
      const tr = element("tr", {}, head);
      if (row.policy === "present" || row.grants.size) tr.append(...shownColumns.map(c => cell(row.grants.get(c))));
      else tr.append(element("td", {className: "empty", colSpan: shownColumns.length || 1}, row.policy === "absent" ? "no policy" : "policy can't be read"));
      fragment.append(tr);
    }
    body.append(fragment);
    end.hidden = made >= shownRows.length;
  };
  const watch = new IntersectionObserver(entries => {
    if (entries.some(e => e.isIntersecting) && made < shownRows.length) {
      makeRows(made + piece);
      watch.unobserve(end); // triggers the callback again if the end is still in view
      watch.observe(end);
    }
  }, {root: scroll, rootMargin: "600px"});
  const makeMatrix = () => {
    const occurring = new Set(shownRows.flatMap(i => [...rows[i].grants.keys()]));
    shownColumns = consumer.value === "" ? columns.map((_, c) => c).filter(c => occurring.has(c)) : [Number(consumer.value)];
    const heads = shownColumns.map(c => element("th", {scope: "col", title: columns[c].kind + " " + columns[c].id}, element("span", {}, columns[c].label)));
    body = document.createElement("tbody");
    end = element("div", {}, " ");
    made = 0;
    watch.disconnect();
    scroll.replaceChildren(element("table", {},
      element("caption", {}, "Access of each consumer to each repository"),
      element("thead", {}, element("tr", {}, element("th", {scope: "col"}, "Repository"), ...heads)), body), end);
    scroll.scrollTop = 0;
    makeRows(piece);
    watch.observe(end);
    byId("matrix").classList.toggle("wide", shownColumns.length > 24);
    scroll.hidden = shownRows.length === 0;
  };

  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const pressed = chips.filter(c => c.ariaPressed === "true").map(c => Number(c.value));
    const mask = pressed.reduce((m, s) => m | 1 << s, 0);
    const passes = rows.map(row => words.every(w => row.search.includes(w)) &&
      (!mask || row.severities & mask) && (!only.checked || row.severities) &&
      (consumer.value === "" || row.grants.has(Number(consumer.value))));
    shownRows = rows.map((_, i) => i).filter(i => passes[i]);
    repositories.forEach((r, i) => { r.hidden = !passes[i]; });
    let n = 0;
    for (const f of findings) {
      f.hidden = !passes[f.dataset.row] || (mask && !(mask >> f.dataset.severity & 1));
      if (!f.hidden) n++;
    }
    for (const g of groups) {
      const left = [...g.querySelectorAll("li")].filter(li => !li.hidden);
      g.hidden = left.length === 0;
      g.querySelector(".count").textContent = left.length;
      const more = g.querySelector("details");
      if (!more) continue;
      const inside = left.filter(li => more.contains(li)).length;
      more.hidden = inside === 0;
      more.querySelector("summary").textContent = inside + " more";
      if (words.length) more.open = true;
    }
    byId("no-findings").hidden = n > 0 || findings.length === 0;
    byId("no-repositories").hidden = shownRows.length > 0;
    byId("status").textContent = count(shownRows.length, "repository", "repositories") + ", " + count(n, "finding", "findings");
    makeMatrix();
  };

  let timer;
  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 120); });
  for (const e of [consumer, only]) e.addEventListener("change", apply);
  for (const chip of chips) chip.addEventListener("click", () => {
    chip.ariaPressed = chip.ariaPressed === "true" ? "false" : "true";
    apply();
  });
  form.addEventListener("submit", e => e.preventDefault());
  form.addEventListener("reset", () => {
    for (const chip of chips) chip.ariaPressed = "false";
    setTimeout(apply); // after the fields are reset
  });

  const open = () => {
    const target = /^#r\d+$/.test(location.hash) && byId(location.hash.slice(1));
    if (!target) return;
    target.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  document.addEventListener("click", e => { // a second click on a link doesn't change the hash
    const link = e.target.closest('a[href^="#r"]');
    if (link && link.hash === location.hash) open();
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    makeRows(Infinity);
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const d of closed) d.open = true;
  });
  addEventListener("afterprint", () => { for (const d of closed) d.open = false; });

  form.hidden = false;
  byId("matrix").hidden = columns.length === 0;
  apply();
  open();
})();
