// The boards of networks: the plot, the filters and a row's curves.
let picked = null;

const board = () => page.boards[byId("board").value];
const colourOf = (method) => COLOURS[board().methods.indexOf(method) % COLOURS.length];
const shapeOf = (backbone) => SHAPES[board().backbones.indexOf(backbone) % SHAPES.length];

function fill(id, values) {
  const kept = byId(id).value;
  byId(id).replaceChildren(html("option", "all", { value: "" }), ...values.map((value) => html("option", value, { value })));
  if (values.includes(kept)) byId(id).value = kept;
}

function visible() {
  const words = byId("find").value.toLowerCase();
  return board().rows.map((row, number) => [row, number]).filter(([row]) =>
    (!byId("backbone").value || row.backbone === byId("backbone").value)
    && (!byId("method").value || row.method === byId("method").value)
    && (!byId("machine").value || row.machine === byId("machine").value)
    && (row.model + " " + row.plan).toLowerCase().includes(words));
}

function numberOf(row, exit, key) {
  return key in row.whole ? row.whole[key] : row.exits[exit]?.[key];
}

function front(points, xUp, yUp) {
  // The points that no other one beats in both directions.
  const better = (a, b, up) => up ? a >= b : a <= b;
  return points.filter((one) => !points.some((other) => other !== one
    && better(other[0], one[0], xUp) && better(other[1], one[1], yUp)
    && (other[0] !== one[0] || other[1] !== one[1]))).sort((a, b) => a[0] - b[0]);
}

function drawPlot(rows) {
  const [xKey, yKey] = [byId("x").value, byId("y").value];
  const axis = (key) => ({ title: page.axes[key][0], unit: page.axes[key][1], log: byId("log").checked && page.axes[key][1] !== "share" });
  const [x, y] = [axis(xKey), axis(yKey)];
  const marks = [];
  for (const [row, number] of rows) {
    const exits = byId("exits").value === "all" ? row.exits.map((_, n) => n) : [row.exits.length - 1];
    const line = [];
    for (const exit of exits) {
      const [a, b] = [numberOf(row, exit, xKey), numberOf(row, exit, yKey)];
      if (a && b && !(x.log && a[0] <= 0) && !(y.log && b[0] <= 0)) line.push({ row, number, exit, a, b });
    }
    marks.push(...line.map((mark) => ({ ...mark, line })));
  }
  byId("plot-note").textContent = `${counted(marks.length, "point")} of ${counted(rows.length, "model")}`
    + (marks.length ? "; bars are 95% intervals over seeds, the dashed line joins the ranked points that no other beats, pale points have fewer than three seeds." : ". Nothing here has both of these numbers: choose other axes or filters.");
  if (!marks.length) { byId("pareto").replaceChildren(); byId("legend").replaceChildren(); return; }
  const plot = new Plot(byId("pareto"), `${y.title} against ${x.title}`, x, y, marks.map((m) => [m.a[0], m.b[0]]), innerWidth < 600 ? 320 : 440);
  const up = (key) => key === "top1" || key === "top5";
  plot.path(front(marks.filter((m) => m.row.ranked).map((m) => [m.a[0], m.b[0]]), up(xKey), up(yKey)), { class: "front" });
  for (const { row, line } of marks.filter((m) => m === m.line[0] || m.exit === m.line[0].exit))
    plot.path(line.map((m) => [m.a[0], m.b[0]]), { class: "path unranked", stroke: colourOf(row.method) });
  for (const { row, number, exit, a, b } of marks) {
    const colour = colourOf(row.method);
    plot.bar(a[0], b[0], [a[1], b[1]], colour);
    const words = `${row.model} (${row.plan})\nexit ${exit} of ${row.exits.length}, ${counted(row.seeds, "seed")}\n${y.title}: ${shown(b[0], y.unit)}${b[1] ? " \u00b1 " + shown(b[1], y.unit) : ""}\n${x.title}: ${shown(a[0], x.unit)}`;
    plot.mark(a[0], b[0], shapeOf(row.backbone), colour, words, (row.ranked ? "" : "unranked ") + (number === picked ? "chosen" : ""), () => pick(number));
  }
  const key = (shape, colour, words) => {
    const item = html("li");
    item.append(node("svg", { viewBox: "-9 -9 18 18", "aria-hidden": "true" }, node("path", { d: outline(shape, 6.5), fill: colour })), words);
    return item;
  };
  byId("legend").replaceChildren(
    ...unique(rows.map(([row]) => row.method)).map((method) => key("circle", colourOf(method), method)),
    ...unique(rows.map(([row]) => row.backbone)).map((backbone) => key(shapeOf(backbone), "currentColor", backbone)));
}

function pick(number) {
  picked = number;
  draw();
  byId("chosen").scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

function drawChosen() {
  const row = board().rows[picked];
  byId("chosen").hidden = !row;
  if (!row) return;
  byId("chosen-title").textContent = `${row.model}, ${row.plan}`;
  const accuracy = { title: "top-1 accuracy", unit: "share" };
  const exits = row.exits.filter((e) => e["macs.effective"] && e.top1).map((e, n) => [e["macs.effective"], e.top1, `exit ${n} (stage ${e.stage})`]);
  const curves = row.policies.filter((p) => p.points.length);
  const values = [...exits.map(([a, b]) => [a[0], b[0]]), ...curves.flatMap((p) => p.points.map(([, a, b]) => [a[0], b[0]]))];
  byId("curve").replaceChildren();
  if (values.length) {
    const plot = new Plot(byId("curve"), "Accuracy against effective MACs", { title: "effective MACs", unit: "MAC" }, accuracy, values, 300);
    curves.forEach((policy, n) => {
      const colour = COLOURS[n % COLOURS.length], shape = SHAPES[Math.floor(n / COLOURS.length) % SHAPES.length];
      plot.path(policy.points.map(([, a, b]) => [a[0], b[0]]), { class: "path", stroke: colour });
      for (const [share, a, b] of policy.points)
        plot.mark(a[0], b[0], shape, colour, `${policy.policy}${policy.reference ? " (sees labels)" : ""} within ${Math.round(share * 100)}%\n${shown(b[0], "share")}${b[1] ? " \u00b1 " + shown(b[1], "share") : ""} at ${shown(a[0], "MAC")}`);
    });
    for (const [a, b, name] of exits) {
      plot.bar(a[0], b[0], [0, b[1]], "currentColor");
      plot.mark(a[0], b[0], "diamond", "currentColor", `${name}\n${shown(b[0], "share")} at ${shown(a[0], "MAC")}`);
    }
    const legend = html("ul", "", { class: "legend" });
    curves.forEach((policy, n) => legend.append(entry(SHAPES[Math.floor(n / COLOURS.length) % SHAPES.length], COLOURS[n % COLOURS.length], policy.policy)));
    legend.append(entry("diamond", "currentColor", "exits"));
    byId("curve").append(legend);
  }
  drawPolicies(row.policies);
  const crossings = row.cuts.flatMap((cut) => Object.entries(cut.codecs).map(([codec, [raw, , top1]]) => ({ cut, codec, raw, top1 })));
  byId("cuts").replaceChildren();
  if (crossings.length) {
    const plot = new Plot(byId("cuts"), "Accuracy against payload", { title: "payload", unit: "B", log: true }, accuracy, crossings.map((c) => [c.raw[0], c.top1[0]]), 300);
    const codecs = unique(crossings.map((c) => c.codec));
    for (const { cut, codec, raw, top1 } of crossings) {
      const colour = COLOURS[codecs.indexOf(codec) % COLOURS.length];
      plot.bar(raw[0], top1[0], [0, top1[1]], colour);
      plot.mark(raw[0], top1[0], SHAPES[cut.before % SHAPES.length], colour, `cut ${cut.before} (${cut.shape.join("x")}), ${codec}\n${shown(top1[0], "share")} behind ${shown(raw[0], "B")}`);
    }
    const legend = html("ul", "", { class: "legend" });
    codecs.forEach((codec, n) => legend.append(entry("circle", COLOURS[n % COLOURS.length], codec)));
    row.cuts.filter((cut) => Object.keys(cut.codecs).length).forEach((cut) => legend.append(entry(SHAPES[cut.before % SHAPES.length], "currentColor", `cut ${cut.before}`)));
    byId("cuts").append(legend);
  }
  const facts = {
    task: row.task, seeds: String(row.seeds) + (row.ranked ? "" : " (unranked)"), "timed on": row.machine,
    recipe: Object.entries(row.recipe).map(([k, v]) => `${k} ${v}`).join(", "), digest: row.digest,
    "dense parent / this": Object.entries(row.ratios).map(([k, v]) => `${page.axes[k][0]} ${v.toFixed(2)} x`).join(", ") || null,
    contested: row.contested.join(" ") || null,
  };
  byId("facts").replaceChildren(...Object.entries(facts).filter(([, v]) => v).flatMap(([k, v]) => [html("dt", k), html("dd", v)]));
}

function drawPolicies(policies) {
  const cell = (pair, form) => html("td", pair ? form(pair[0]) : "-", pair ? { class: "number", "data-value": pair[0] } : { class: "number" });
  const lines = policies.map((p) => {
    const line = html("tr");
    line.append(html("td", p.policy + (p.reference ? " (sees labels)" : "")));
    line.append(...[...p.at, p.area].map((pair) => cell(pair, (value) => shown(value, "share"))), cell(p.exit, (value) => value.toFixed(2)));
    line.append(cell(p.shipped, (value) => shown(value, "share")), ...p.times.map((pair) => cell(pair, (value) => `${value.toFixed(2)} x`)));
    return line;
  });
  byId("policies").tBodies[0].replaceChildren(...lines);
  byId("judged").hidden = !lines.length;
}

function drawTables(rows) {
  const seen = new Set(rows.map(([, number]) => number));
  for (const article of document.querySelectorAll("article")) {
    article.hidden = article.dataset.board !== byId("board").value;
    if (article.hidden) continue;
    for (const line of article.querySelectorAll("tr[data-row]")) {
      line.hidden = !seen.has(Number(line.dataset.row));
      line.classList.toggle("picked", Number(line.dataset.row) === picked);
    }
  }
}

function draw() {
  const rows = visible();
  drawPlot(rows);
  drawTables(rows);
  drawChosen();
}

function choose() {
  picked = null;
  fill("backbone", board().backbones);
  fill("method", board().methods);
  fill("machine", unique(board().rows.map((row) => row.machine)));
  draw();
}

if (Object.keys(page.boards).length) {
  for (const id of ["x", "y"])
    byId(id).replaceChildren(...Object.entries(page.axes).map(([key, [title]]) => html("option", title, { value: key })));
  byId("x").value = "macs.effective";
  byId("y").value = "top1";
  byId("controls").hidden = false;
  byId("plot").hidden = false;
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("board").addEventListener("change", choose);
  for (const id of ["backbone", "method", "machine", "exits", "x", "y", "log", "find"]) byId(id).addEventListener("input", draw);
  for (const table of document.querySelectorAll("article table, #policies")) sortable(table);
  for (const line of document.querySelectorAll("tr[data-row]")) {
    const cell = line.cells[1], name = cell.firstChild;
    const button = html("button", name.textContent, { type: "button", "aria-label": "Show the curves of " + name.textContent });
    name.replaceWith(button);
    button.addEventListener("click", () => pick(Number(line.dataset.row)));
  }
  let wide = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== wide) { wide = innerWidth; draw(); } });
  choose();
}
