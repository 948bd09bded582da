
"use strict";
(() => {
  const rows = JSON.parse(document.getElementById("data").textContent);
  const by = (id) => document.getElementById(id);
  const body = by("rows"), form = by("filters"), more = by("more"), status = by("status"), order = by("order");
  const PORTION = 100;
  const names = { handle: "Model", provider: "Provider", use: "Use", context: "Context", output: "Answer",
    in_price: "$/M in", out_price: "$/M out" };
  const numeric = new Set(["context", "output", "in_price", "out_price"]);
  const largestFirst = new Set(["context", "output"]);
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const counts = new Intl.NumberFormat("en");
  let sort = { key: "", down: false }, found = rows, shown = 0;

  for (const row of rows) {
    row.words = [row.handle, row.name, row.owner, row.provider, ...row.aliases].join("\n").toLowerCase();
  }

  const element = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const dollars = (value) => {
    if (value === null) return "–";
    const text = value.toFixed(4).replace(/0+$/, "");
    if (value !== 0 && Number(text) === 0) return value.toPrecision(2);
    const [whole, digits = ""] = text.split(".");
    return whole + "." + digits.padEnd(2, "0");
  };
  const count = (value) => (value === null ? "–" : counts.format(value));

  const draw = (row) => {
    const line = element("tr");
    line.setAttribute("role", "row");
    const head = element("th");
    head.setAttribute("role", "rowheader");
    head.scope = "row";
    head.append(element("code", row.handle));
    const below = [row.name, row.owner].filter(Boolean).join(" · ");
    if (below) head.append(element("small", below));
    const tags = row.gone ? ["listed no more since " + row.gone] : [];
    if (row.status) tags.push(row.status);
    for (const tag of [...tags, ...row.aliases.map((alias) => "alias " + alias)]) head.append(element("span", tag, "tag"));
    line.append(head);
    const cell = (label, value, kind, mark) => {
      const made = element("td", value, kind);
      made.setAttribute("role", "cell");
      made.dataset.label = label;
      if (mark) made.append(element("small", mark));
      line.append(made);
      return made;
    };
    cell("Provider", row.provider);
    cell("Use", row.use || "–");
    cell("Context", count(row.context), "number", row.marks.context_window);
    cell("Answer", count(row.output), "number", row.marks.max_output_tokens);
    cell("$/M in", dollars(row.in_price), "number", row.marks.input_price);
    cell("$/M out", dollars(row.out_price), "number", row.marks.output_price);
    const can = cell("Can", row.can.length ? "" : "–", "can");
    for (const each of row.can) can.append(element("span", each));
    return line;
  };

  const show = (again) => {
    if (again) { body.replaceChildren(); shown = 0; }
    const part = document.createDocumentFragment();
    for (const row of found.slice(shown, shown + PORTION)) part.append(draw(row));
    body.append(part);
    shown = Math.min(found.length, shown + PORTION);
    more.hidden = shown >= found.length;
    more.textContent = `Show more (${counts.format(found.length - shown)} left)`;
    status.textContent = found.length
      ? `${counts.format(found.length)} of ${counts.format(rows.length)} models` + (more.hidden ? "" : `, the first ${counts.format(shown)} shown`)
      : "No model is like that. Reset takes the filters away.";
  };

  const compare = (a, b) => {
    const x = a[sort.key], y = b[sort.key];
    const unknown = (x === null || x === "") - (y === null || y === "");
    if (unknown) return unknown;
    const way = numeric.has(sort.key) ? (x ?? 0) - (y ?? 0) : collator.compare(x, y);
    return sort.down ? -way : way;
  };

  const apply = () => {
    const words = by("text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const context = Number(by("context").value);
    const most = (id) => (by(id).value === "" ? Infinity : Number(by(id).value));
    const input = most("in_price"), output = most("out_price");
    const provider = by("provider").value, use = by("use").value, can = by("can").value;
    found = rows.filter((row) => words.every((word) => row.words.includes(word))
      && (!provider || row.provider === provider) && (!use || row.use === use) && (!can || row.can.includes(can) || row.can.includes(can + "?"))
      && (!context || (row.context ?? 0) >= context)
      && (input === Infinity || (row.in_price !== null && row.in_price <= input))
      && (output === Infinity || (row.out_price !== null && row.out_price <= output)));
    if (sort.key) found.sort(compare);
    for (const head of document.querySelectorAll("th[data-key]")) {
      head.setAttribute("aria-sort", head.dataset.key !== sort.key ? "none" : sort.down ? "descending" : "ascending");
    }
    order.value = sort.key ? (sort.down ? "-" : "") + sort.key : "";
    show(true);
  };

  order.append(new Option("As saved", ""));
  for (const [key, name] of Object.entries(names)) {
    const [first, second] = numeric.has(key) ? ["smallest first", "largest first"] : ["A to Z", "Z to A"];
    order.append(new Option(`${name}, ${first}`, key), new Option(`${name}, ${second}`, "-" + key));
  }
  for (const head of document.querySelectorAll("th[data-key]")) {
    const key = head.dataset.key, button = element("button", head.textContent);
    button.type = "button";
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      sort = sort.key === key ? { key, down: !sort.down } : { key, down: largestFirst.has(key) };
      apply();
    });
  }
  order.addEventListener("change", () => {
    sort = { key: order.value.replace(/^-/, ""), down: order.value.startsWith("-") };
    apply();
  });
  let waiting = 0;
  form.addEventListener("input", (event) => {
    if (event.target === order) return;
    clearTimeout(waiting);
    waiting = setTimeout(apply, rows.length > 5000 ? 150 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { sort = { key: "", down: false }; apply(); }));
  more.addEventListener("click", () => {
    const next = shown;
    show(false);
    const line = body.rows[next];
    if (line) { line.tabIndex = -1; line.focus({ preventScroll: true }); }
  });
  if (window.matchMedia("(max-width: 48rem)").matches) by("more-filters").open = false;
  form.hidden = false;
  apply();
})();
