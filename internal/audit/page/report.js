"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const columns = data.columns || [], policies = data.policies || [], rows = data.rows || [];
  const byId = id => document.getElementById(id);
  const form = byId("tools"), search = byId("search"), consumer = byId("consumer"), only = byId("only"), fold = byId("fold");
  const chips = [...form.querySelectorAll("button.chip")];
  const problems = [...document.querySelectorAll(".problems > li")];
  const tasks = [...document.querySelectorAll(".group")];
  const policyElements = [...document.querySelectorAll(".repository")];
  const repositories = rows.map((_, i) => byId("r" + i));
  for (const c of columns) c.search = (c.label + " " + c.id).toLowerCase();
  for (const row of rows) {
    row.search = row.name.toLowerCase();
    row.policy = policies[row.policy];
  }
  for (const p of policies) {
    p.grants = new Map();
    for (let i = 0; i < p.cells.length; i += 2) p.grants.set(p.cells[i], p.cells[i + 1]);
    p.line = p.policy + p.worst + p.cells; // policies that look the same in the matrix
  }

  const element = (name, properties, ...children) => {
    const e = Object.assign(document.createElement(name), properties);
    e.append(...children);
    return e;
  };
  const count = (n, one, many) => n.toLocaleString("en") + " " + (n === 1 ? one : many);
  const some = names => names.length < 5 ? names.join(", ") : names.slice(0, 3).join(", ") + ", and " + (names.length - 3) + " more";
  const groupBy = (values, key) => { // in the order of the first values
    const groups = new Map();
    for (const value of values) {
      const k = key(value);
      if (!groups.has(k)) groups.set(k, []);
      groups.get(k).push(value);
    }
    return [...groups.values()];
  };

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
    for (const [bit, name, sign, text] of [[256, "denied", "×", "some access is denied or incomplete"], [512, "conditional", "?", "some access depends on conditions"]]) {
      if (!(grants & bit)) continue;
      td.append(element("i", {className: "mark " + name, ariaHidden: "true"}, sign));
      texts.push(text);
    }
    td.title = texts.join(", ");
    td.append(element("span", {className: "sr"}, td.title));
    return td;
  };

  const link = i => element("a", {href: "#r" + i}, rows[i].name);
  const lineHead = line => {
    if (line.length === 1) return link(line[0]);
    const names = element("ul", {className: "names"});
    const details = element("details", {className: "same"},
      element("summary", {}, "Same grants: " + count(line.length, "repository", "repositories"),
        element("span", {className: "first"}, some(line.map(i => rows[i].name)))), names);
    details.addEventListener("toggle", () => {
      if (!names.hasChildNodes()) names.append(...line.map(i => element("li", {}, link(i))));
    });
    return details;
  };
  const columnHead = same => {
    const text = same.length === 1 ? columns[same[0]].label : same.length + " " + columns[same[0]].kinds;
    const title = columns[same[0]].kind + " " + same.map(c => columns[c].id).join(", ");
    return element("th", {scope: "col", title}, element("span", {}, text));
  };

  // The matrix is built in pieces as it scrolls into view, because a large one has 50,000 cells.
  const piece = 60, scroll = byId("scroll");
  let lines = [], shownColumns = [], made = 0, body, end; // lines of rows, columns of consumers: both can be folded
  const makeLines = until => {
    const fragment = document.createDocumentFragment();
    for (; made < Math.min(until, lines.length); made++) {
      const {policy} = rows[lines[made][0]];
      const head = element("th", {scope: "row"}, lineHead(lines[made]));
      if (policy.worst) head.append(element("span", {className: "badge " + policy.worst}, policy.worst));
      const tr = element("tr", {}, head);
      if (policy.policy === "present" || policy.grants.size) tr.append(...shownColumns.map(same => cell(policy.grants.get(same[0]))));
      else tr.append(element("td", {className: "empty", colSpan: shownColumns.length || 1}, policy.policy === "absent" ? "no policy" : "policy can't be read"));
      fragment.append(tr);
    }
    body.append(fragment);
    end.hidden = made >= lines.length;
  };
  const watch = new IntersectionObserver(entries => {
    if (entries.some(e => e.isIntersecting) && made < lines.length) {
      makeLines(made + piece);
      watch.unobserve(end); // triggers the callback again if the end is still in view
      watch.observe(end);
    }
  }, {root: scroll, rootMargin: "600px"});
  const makeMatrix = (shownRows, focus) => {
    lines = groupBy(shownRows, i => fold.checked ? rows[i].policy.line : i);
    if (fold.checked) lines.sort((a, b) => b.length - a.length);
    const heads = [...new Set(lines.map(line => rows[line[0]].policy))];
    const occurring = columns.map((_, c) => c).filter(c => (!focus.size || focus.has(c)) && heads.some(p => p.grants.has(c)));
    shownColumns = groupBy(occurring, c => fold.checked ? columns[c].kind + heads.map(p => p.grants.get(c) || 0) : c);
    body = document.createElement("tbody");
    end = element("div", {}, " ");
    made = 0;
    watch.disconnect();
    scroll.replaceChildren(element("table", {},
      element("caption", {}, "Access of each consumer to each repository"),
      element("thead", {}, element("tr", {}, element("th", {scope: "col"}, "Repository"), ...shownColumns.map(columnHead))), body), end);
    scroll.scrollTop = 0;
    makeLines(piece);
    watch.observe(end);
    byId("folded").replaceChildren(...shownColumns.filter(same => same.length > 1).map(same => element("details", {},
      element("summary", {}, same.length + " " + columns[same[0]].kinds + " with the same grants"),
      element("p", {}, same.map(c => columns[c].id).join(", ")))));
    byId("matrix").classList.toggle("large", shownColumns.length > 24 || lines.length > 200);
    scroll.hidden = lines.length === 0;
  };

  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = words.map(w => columns.map((_, c) => c).filter(c => columns[c].search.includes(w)));
    const names = (row, w) => row.search.includes(w) || row.policy.search.includes(w);
    const pressed = chips.filter(c => c.ariaPressed === "true").map(c => Number(c.value));
    const mask = pressed.reduce((m, s) => m | 1 << s, 0);
    const passes = rows.map(row => words.every((w, k) => names(row, w) || found[k].some(c => row.policy.grants.has(c))) &&
      (!mask || row.policy.severities & mask) && (!only.checked || row.policy.severities) &&
      (consumer.value === "" || row.policy.grants.has(Number(consumer.value))));
    const shownRows = rows.map((_, i) => i).filter(i => passes[i]);
    // The matrix shows only the consumers that the filter is about, if it is about any.
    const focus = new Set(words.flatMap((w, k) => rows.some(row => names(row, w)) ? [] : found[k]));
    if (consumer.value !== "") focus.add(Number(consumer.value));

    repositories.forEach((r, i) => { r.hidden = !passes[i]; });
    for (const p of policyElements) {
      const list = p.querySelector(".names");
      if (!list) continue;
      const left = [...list.children].filter(li => !li.hidden).length;
      p.hidden = left === 0;
      p.querySelector(".n").textContent = count(left, "repository", "repositories");
    }
    let n = 0;
    for (const p of problems) {
      const places = [...p.querySelectorAll("[data-row]")], masked = mask && !(mask >> p.dataset.severity & 1);
      let left = 0;
      for (const place of places) {
        // The registry policy has no row, and concerns all repositories.
        place.hidden = masked || !(place.dataset.row === "" ? shownRows.length > 0 : passes[place.dataset.row]);
        if (!place.hidden) left++;
      }
      p.hidden = left === 0;
      p.dataset.left = left;
      n += left;
      const total = p.querySelector(".n");
      if (total) total.textContent = count(left, "repository", "repositories");
    }
    for (const t of tasks) {
      const left = [...t.querySelectorAll(".problems > li")].filter(li => !li.hidden);
      t.hidden = left.length === 0;
      t.querySelector(".count").textContent = left.reduce((sum, li) => sum + Number(li.dataset.left), 0);
      const more = t.querySelector(".more");
      if (!more) continue;
      const inside = left.filter(li => more.contains(li)).length;
      more.hidden = inside === 0;
      more.querySelector("summary").textContent = inside + " more";
      if (words.length) more.open = true;
    }
    byId("no-findings").hidden = n > 0 || problems.length === 0;
    byId("no-repositories").hidden = shownRows.length > 0;
    byId("status").textContent = count(shownRows.length, "repository", "repositories") + ", " + count(n, "finding", "findings");
    makeMatrix(shownRows, focus);
  };

  let timer;
  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 120); });
  for (const e of [consumer, only, fold]) e.addEventListener("change", apply);
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
    target.closest("details").open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  document.addEventListener("click", e => { // a second click on a link doesn't change the hash
    const link = e.target.closest('a[href^="#r"]');
    if (link && link.hash === location.hash) open();
  });

  // On paper, a report of hundreds of policies has only those that the reader has opened.
  const most = 60;
  let opened = [];
  addEventListener("beforeprint", () => {
    if (!byId("matrix").classList.contains("large")) makeLines(Infinity);
    const shown = policyElements.filter(p => !p.hidden), closed = shown.filter(p => !p.open);
    opened = [...document.querySelectorAll(".more, #folded details"), ...shown.length > most ? [] : closed].filter(d => !d.open);
    for (const d of opened) d.open = true;
    byId("unprinted").hidden = shown.length <= most || closed.length === 0;
    byId("unprinted").textContent = count(closed.length, "policy isn't", "policies aren't") + " printed. To print a policy, open it, or filter the report.";
  });
  addEventListener("afterprint", () => {
    for (const d of opened) d.open = false;
    byId("unprinted").hidden = true;
  });

  form.hidden = false;
  byId("matrix").hidden = columns.length === 0;
  apply();
  open();
})();
