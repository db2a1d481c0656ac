"use strict";
// What a model wrote is only ever set as textContent: nothing in it can become part of the page.
(() => {
  const sets = JSON.parse(document.getElementById("data").textContent);
  for (const set of sets) set.rows.push(...set.rejected); // after the tasks, and shown only with a rule
  const by = (id) => document.getElementById(id);
  const PAGE = 25;
  const state = { set: 0, found: [], page: 0, chosen: -1 };

  function el(tag, kind, text, ...inside) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    if (text !== undefined && text !== null) made.textContent = text;
    made.append(...inside);
    return made;
  }

  // Light and dark: as the system has it until the reader says otherwise.
  const root = document.documentElement, theme = by("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  function tellTheme() {
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-pressed", String(isDark()));
    theme.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  }
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; tellTheme(); });
  system.addEventListener("change", tellTheme);
  tellTheme();

  const current = () => sets[state.set];

  function fill(select, values) {
    while (select.options.length > 1) select.remove(1);
    for (const [value, label] of values) {
      const option = el("option", "", label);
      option.value = value;
      select.append(option);
    }
  }

  // A select that is shown only where it has something to choose.
  function offer(id, values) {
    fill(by(id), values);
    by(id).closest("label").hidden = !values.length;
    if (id === "score") for (const end of ["least", "most"]) by(end).closest("label").hidden = !values.length;
  }

  // The rules by which a rejected text, or instances of a task, were rejected.
  const rulesOf = (row) => (row.x !== undefined ? [row.x] : (row.rejected || []).map(([rule]) => rule));
  const NEAREST = "ROUGE-L with the nearest text";
  const scoresOf = (row) => [...(row.g || []).map(([check, , score]) => [check, score]), ...(row.near || []).slice(0, 1).map(([score]) => [NEAREST, score])];

  function counts(valuesOf) {
    const found = new Map();
    for (const row of current().rows) for (const value of new Set(valuesOf(row))) found.set(value, (found.get(value) || 0) + 1);
    return found;
  }

  function ofAll(rule, shown) {
    const texts = current().rows.filter((row) => row.x === rule).length, all = current().rejections[rule] || 0;
    return texts < all ? `${shown.toLocaleString("en")}; ${texts} of ${all.toLocaleString("en")} texts` : shown.toLocaleString("en");
  }

  function open(number) {
    state.set = number;
    const verbs = new Map(), statuses = new Map();
    for (const row of current().rows) {
      row.words = [row.t, ...row.i.flat()].join("\n").toLowerCase();
      if (row.x !== undefined) continue;
      if (row.v) verbs.set(row.v[0], (verbs.get(row.v[0]) || 0) + 1);
      statuses.set(row.s, (statuses.get(row.s) || 0) + 1);
    }
    const ranked = [...verbs].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
    fill(by("verb"), ranked.map(([verb, n]) => [verb, `${verb} (${n})`]));
    const topics = counts((row) => (row.p ? [row.p] : [])), rules = counts(rulesOf);
    offer("topic", [...topics].sort((a, b) => a[0].localeCompare(b[0])).map(([topic, n]) => [topic, `${topic} (${n})`]));
    offer("rule", rules.size ? [["*", "any rule"], ...[...rules].map(([rule, n]) => [rule, `${rule} (${ofAll(rule, n)})`])] : []);
    const measures = counts((row) => scoresOf(row).map(([name]) => name));
    offer("score", [...measures].map(([name, n]) => [name, `${name} (${n})`]));
    fill(by("status"), [...statuses].sort().map(([status, n]) => [status, `${status} (${n})`]));
    search();
  }

  function search() {
    const parts = by("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = by("kind").value, status = by("status").value, verb = by("verb").value;
    const topic = by("topic").value, rule = by("rule").value, score = by("score").value;
    const least = by("least").value === "" ? -Infinity : Number(by("least").value);
    const most = by("most").value === "" ? Infinity : Number(by("most").value);
    const bounded = score || least > -Infinity || most < Infinity;
    const from = Number(by("from").value || 0), to = by("to").value === "" ? Infinity : Number(by("to").value);
    state.found = [];
    current().rows.forEach((row, number) => {
      if (rule ? !rulesOf(row).some((each) => rule === "*" || each === rule) : row.x !== undefined) return;
      if (topic && row.p !== topic) return;
      if (bounded && !scoresOf(row).some(([name, value]) => (!score || name === score) && value >= least && value <= most)) return;
      if (kind && String(row.k) !== kind) return;
      if (status && row.s !== status) return;
      if (verb && (!row.v || row.v[0] !== verb)) return;
      if (row.w < from || row.w > to) return;
      if (parts.every((part) => row.words.includes(part))) state.found.push(number);
    });
    if (rule) state.found.sort((a, b) => (current().rows[b].x !== undefined) - (current().rows[a].x !== undefined) || a - b);
    state.page = 0;
    list();
  }

  function list() {
    const pages = Math.max(1, Math.ceil(state.found.length / PAGE));
    const hits = by("hits");
    hits.replaceChildren();
    for (const number of state.found.slice(state.page * PAGE, (state.page + 1) * PAGE)) {
      const row = current().rows[number], button = el("button", "", null);
      const what = el("span", "what", row.t);
      what.dir = "auto";
      button.type = "button";
      button.append(what, el("span", "meta", summary(row)));
      button.setAttribute("aria-current", String(number === state.chosen));
      button.addEventListener("click", () => show(number, true));
      hits.append(el("li", "", null, button));
    }
    const tasks = current().rows.filter((row) => row.x === undefined).length;
    const texts = state.found.filter((number) => current().rows[number].x !== undefined).length;
    by("count").textContent = `${(state.found.length - texts).toLocaleString("en")} of ${tasks.toLocaleString("en")} tasks here`
      + (texts ? `, and ${texts.toLocaleString("en")} rejected ${texts === 1 ? "candidate" : "candidates"}` : "");
    by("page").textContent = `${state.page + 1} of ${pages}`;
    by("back").disabled = state.page === 0;
    by("more").disabled = state.page >= pages - 1;
  }

  function summary(row) {
    if (row.x !== undefined) return [row.n, `rejected: ${row.x}`].join(" · ");
    const instances = `${row.i.length} ${row.i.length === 1 ? "instance" : "instances"}`;
    return [row.n, row.k === true ? "classification" : "", instances].filter(Boolean).join(" · ");
  }

  function said(text, note) {
    const box = el("div", "said", text === "" ? "(empty)" : text);
    box.dir = "auto";
    if (note) box.append(el("small", "", note));
    return box;
  }

  function folded(title, ...inside) {
    return el("details", "", null, el("summary", "", title), ...inside);
  }

  function named(name, lead, known) {
    const at = current().rows.findIndex((row) => row.n === name), text = known === undefined ? current().texts[name] : known;
    const box = el("div", "", null, ...(lead || []));
    const what = el("div", "", null);
    const words = el("bdi", "", text === undefined ? name : text);
    what.append(words, " ");
    if (at >= 0) {
      const go = el("button", "go", name);
      go.type = "button";
      go.addEventListener("click", () => show(at, true));
      what.append(go);
    } else {
      what.append(el("span", "meta", name));
    }
    box.append(what);
    return box;
  }

  function instance(box, pair, number) {
    box.append(el("h4", "", `Instance ${number}`));
    const io = el("div", "io", null);
    if (pair[0]) io.append(el("div", "tag", "input"), said(pair[0]));
    io.append(el("div", "tag", "output"), said(pair[1]));
    for (let n = 2; n < pair.length; n++) io.append(el("div", "tag", n % 2 ? "assistant" : "user"), said(pair[n]));
    box.append(io);
  }

  function lineage(box, row) {
    const asked = row.r === undefined ? null : current().asked[row.r];
    if (row.near) {
      box.append(el("h4", "", "Nearest texts"));
      for (const [score, name, text] of row.near) {
        const entry = text === undefined || name ? named(name, [el("b", "", score.toFixed(2))], text) : el("div", "", null, el("b", "", score.toFixed(2)), el("bdi", "", text));
        entry.className = "near";
        box.append(entry);
      }
    }
    if (asked && asked.shown.length) {
      box.append(el("h4", "", `Examples shown in request ${row.r}`));
      asked.shown.forEach((name) => box.append(named(name)));
    }
    if (asked && asked.passage) box.append(folded(`The passage: ${asked.passage[0]}`, said(asked.passage[1])));
    if (asked && asked.question) box.append(folded("The prompt as recorded", said(asked.question)));
    if (asked && asked.text !== undefined) box.append(folded(`The raw reply of request ${row.r}`, said(asked.text, asked.finish && `ended by: ${asked.finish}`)));
    for (const reply of row.replies || []) {
      const titles = { kind: "The raw reply about its task type", rewrite: "The raw reply with a rewritten output", user: "The raw reply with a user's turn", assistant: "The raw reply with the answer to it" };
      const title = titles[reply.step] || "The raw reply with its instances";
      box.append(folded(title, said(reply.text, reply.finish && `ended by: ${reply.finish}`)));
    }
    if (row.g) {
      box.append(el("h4", "", "What the checks measured"));
      for (const [check, number, score, rule] of row.g) {
        const entry = el("div", "", null, el("b", "", score.toFixed(2)), el("bdi", "", `${check}, instance ${number} as written${rule ? `, rejected: ${rule}` : ""}`));
        entry.className = "near";
        box.append(entry);
      }
    }
    if (row.rejected) {
      const all = row.rejected.map(([rule, given, output]) => said(`${given || "(no input)"}\n→ ${output || "(empty)"}`, `rejected: ${rule}`));
      box.append(folded(`${row.rejected.length} rejected ${row.rejected.length === 1 ? "instance" : "instances"}`, ...all));
    }
  }

  function show(number, move) {
    const row = current().rows[number], box = by("task");
    state.chosen = number;
    box.replaceChildren();
    const title = el("h3", "title", row.t);
    title.dir = "auto";
    box.append(title);
    const pills = el("div", "", null, el("span", "pill", row.n));
    if (row.k !== null) pills.append(el("span", "pill kind", row.k ? "classification" : "other"));
    pills.append(el("span", "pill", row.x === undefined ? row.s : `rejected: ${row.x}`), el("span", "pill", `${row.w} words`));
    if (row.p) pills.append(el("span", "pill", `topic: ${row.p}`));
    if (row.v) pills.append(el("span", "pill", row.v.join(" → ")));
    box.append(pills);
    row.i.forEach((pair, at) => instance(box, pair, at + 1));
    lineage(box, row);
    box.scrollTop = 0;
    list();
    if (move) {
      box.focus({ preventScroll: true });
      if (matchMedia("(max-width: 820px)").matches) box.scrollIntoView();
      history.replaceState(null, "", `#task/${state.set}/${encodeURIComponent(row.n)}`);
    }
  }

  let waiting = 0;
  by("find").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 120); });
  for (const id of ["kind", "status", "verb", "topic", "rule", "score", "least", "most", "from", "to"]) by(id).addEventListener("input", search);
  by("tools").addEventListener("submit", (event) => { event.preventDefault(); search(); });
  by("tools").addEventListener("reset", () => setTimeout(search));
  if (by("set")) by("set").addEventListener("input", () => { state.chosen = -1; open(Number(by("set").value)); });
  by("back").addEventListener("click", () => { state.page -= 1; list(); });
  by("more").addEventListener("click", () => { state.page += 1; list(); });
  by("hits").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const buttons = [...by("hits").querySelectorAll("button")];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (next) { event.preventDefault(); next.focus(); }
  });

  const linked = /^#task\/(\d+)\/(.+)$/.exec(location.hash);
  const first = linked && sets[linked[1]] ? Number(linked[1]) : 0;
  if (by("set")) by("set").value = String(first);
  open(first);
  const wanted = linked ? sets[first].rows.findIndex((row) => row.n === decodeURIComponent(linked[2])) : -1;
  if (wanted >= 0) { show(wanted, false); by("browse").scrollIntoView(); }
  else if (state.found.length) show(state.found[0], false);
})();
