"use strict";
// The page's tables are whole without this script: it adds the plot, the filters, sorting and a row's curves.
const page = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8f7a00", "#7a7a7a"];
const SHAPES = ["circle", "square", "diamond", "triangle", "cross", "star"];
const SVG = "http://www.w3.org/2000/svg";
let picked = null;

function node(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function html(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function shown(value, unit) {
  if (unit === "share") return (100 * value).toFixed(2) + "%";
  const steps = unit === "s" || unit === "J"
    ? [[1, ""], [1e-3, "m"], [1e-6, "\u00b5"], [1e-9, "n"]]
    : [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
  const [size, prefix] = steps.find(([least]) => Math.abs(value) >= least) || steps[steps.length - 1];
  return Number((value / size).toPrecision(3)) + " " + prefix + unit;
}

function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function ticks(low, high, log) {
  if (log) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const digit of [1, 2, 5]) {
        const value = digit * 10 ** power;
        if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
      }
    return found.length > 9 ? found.filter((value) => /^1/.test(value.toExponential())) : found;
  }
  const rough = (high - low) / 5 || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(value);
  return found;
}

class Plot {
  // Axes, a grid and marks in one SVG; every mark can be reached by keyboard and says what it is.
  constructor(home, title, x, y, values, height) {
    this.home = home;
    home.replaceChildren();
    this.wide = Math.max(300, Math.min(home.clientWidth || 700, 1500));
    this.high = height;
    this.left = 78; this.right = 14; this.top = 12; this.bottom = 44;
    this.x = this.scale(values.map((v) => v[0]), x.log, this.left, this.wide - this.right);
    this.y = this.scale(values.map((v) => v[1]), y.log, this.high - this.bottom, this.top, y.unit === "share" ? 0.01 : 0);
    this.svg = node("svg", { viewBox: `0 0 ${this.wide} ${this.high}`, role: "group", "aria-label": title });
    const across = Math.max(2, Math.floor(this.wide / 80));
    let places = ticks(this.x.low, this.x.high, x.log);
    while (places.length > across) places = places.filter((_, n) => n % 2 === 0);
    for (const value of places) {
      const at = this.x(value);
      this.svg.append(node("line", { class: "grid", x1: at, x2: at, y1: this.top, y2: this.high - this.bottom }));
      this.svg.append(node("text", { x: at, y: this.high - this.bottom + 16, "text-anchor": "middle" }, shown(value, x.unit)));
    }
    for (const value of ticks(this.y.low, this.y.high, y.log)) {
      const at = this.y(value);
      this.svg.append(node("line", { class: "grid", x1: this.left, x2: this.wide - this.right, y1: at, y2: at }));
      this.svg.append(node("text", { x: this.left - 6, y: at + 4, "text-anchor": "end" }, shown(value, y.unit)));
    }
    this.svg.append(node("text", { class: "axis", x: (this.left + this.wide) / 2, y: this.high - 8, "text-anchor": "middle" }, x.title));
    this.svg.append(node("text", { class: "axis", transform: `translate(14 ${(this.high - this.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, y.title));
    this.tip = html("div", "", { class: "tip", hidden: "" });
    home.append(this.svg, this.tip);
  }
  scale(values, log, from, to, least = 0) {
    let low = Math.min(...values), high = Math.max(...values);
    if (log) { low = Math.max(low, high * 1e-9) || 1; low /= 1.15; high = (high || 1) * 1.15; }
    else { const air = Math.max((high - low) * 0.06, least / 2, Math.abs(high) * 1e-6 || 1e-6); low -= air; high += air; }
    const of = log ? Math.log10 : (value) => value;
    const made = (value) => from + (of(Math.max(value, log ? low : -Infinity)) - of(low)) / (of(high) - of(low)) * (to - from);
    made.low = low; made.high = high;
    return made;
  }
  bar(x, y, half, colour) {
    if (half[0]) this.svg.append(node("line", { class: "bar", stroke: colour, x1: this.x(Math.max(x - half[0], this.x.low)), x2: this.x(x + half[0]), y1: this.y(y), y2: this.y(y) }));
    if (half[1]) this.svg.append(node("line", { class: "bar", stroke: colour, x1: this.x(x), x2: this.x(x), y1: this.y(Math.max(y - half[1], this.y.low)), y2: this.y(Math.min(y + half[1], this.y.high)) }));
  }
  path(points, attributes) {
    if (points.length > 1) this.svg.append(node("polyline", { points: points.map(([x, y]) => `${this.x(x)},${this.y(y)}`).join(" "), ...attributes }));
  }
  mark(x, y, shape, colour, words, classes = "", act = null) {
    const made = node("path", { d: outline(shape, 6.5), transform: `translate(${this.x(x)} ${this.y(y)})`, fill: colour, class: "point " + classes, tabindex: 0, role: act ? "button" : "img", "aria-label": words.replaceAll("\n", ", ") });
    const show = () => {
      this.tip.textContent = words;
      this.tip.hidden = false;
      const scale = this.home.clientWidth / this.wide || 1, at = this.x(x) * scale;
      this.tip.style.left = Math.max(0, Math.min(at + 10, this.home.clientWidth - this.tip.offsetWidth - 4)) + "px";
      this.tip.style.top = Math.max(0, this.y(y) * scale - this.tip.offsetHeight - 12) + "px";
    };
    for (const event of ["mouseenter", "focus"]) made.addEventListener(event, show);
    for (const event of ["mouseleave", "blur"]) made.addEventListener(event, () => { this.tip.hidden = true; });
    if (act) {
      made.addEventListener("click", act);
      made.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); } });
    }
    this.svg.append(made);
  }
}

function outline(shape, r) {
  const ring = (angles, radii) => "M" + angles.map((a, n) => `${(radii[n % radii.length] * Math.sin(a)).toFixed(2)},${(-radii[n % radii.length] * Math.cos(a)).toFixed(2)}`).join("L") + "Z";
  const turn = (count) => Array.from({ length: count }, (_, n) => 2 * Math.PI * n / count);
  if (shape === "square") return `M${-r * .85},${-r * .85}h${r * 1.7}v${r * 1.7}h${-r * 1.7}Z`;
  if (shape === "diamond") return ring(turn(4), [r * 1.25]);
  if (shape === "triangle") return ring(turn(3), [r * 1.25]);
  if (shape === "star") return ring(turn(10), [r * 1.35, r * .6]);
  if (shape === "cross") return ring(turn(8), [r * 1.3, r * .45]);
  return `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0Z`;
}

const board = () => page.boards[byId("board").value];
const unique = (values) => [...new Set(values)].sort();
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
    && (!byId("device").value || row.device === byId("device").value)
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
    task: row.task, seeds: String(row.seeds) + (row.ranked ? "" : " (unranked)"), "timed on": row.device,
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

function entry(shape, colour, words) {
  const item = html("li");
  item.append(node("svg", { viewBox: "-9 -9 18 18", "aria-hidden": "true" }, node("path", { d: outline(shape, 6.5), fill: colour })), words);
  return item;
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

function drawStream() {
  const chosen = Number(byId("stream").value), section = page.streams[chosen];
  for (const part of document.querySelectorAll("[data-stream]")) part.hidden = Number(part.dataset.stream) !== chosen;
  const colour = (n) => COLOURS[n % COLOURS.length], shape = (n) => SHAPES[(n + Math.floor(n / COLOURS.length)) % SHAPES.length];
  const note = { baseline: "", policy: "", bound: " (bound)" };
  const across = { title: "cost of sending a sample on", unit: "\u03bb" };
  const figure = (id, title, unit, at) => {
    const values = section.policies.flatMap((p) => p.points.map((point) => [point[0], point[at][0]]));
    const plot = new Plot(byId(id), `${title} against the cost of sending`, across, { title, unit }, values, innerWidth < 600 ? 300 : 360);
    section.policies.forEach((policy, n) => {
      plot.path(policy.points.map((point) => [point[0], point[at][0]]), { class: policy.kind === "policy" ? "path" : "path bound", stroke: colour(n) });
      for (const point of policy.points) {
        const [mean, half] = point[at];
        plot.bar(point[0], mean, [0, half], colour(n));
        plot.mark(point[0], mean, shape(n), colour(n), `${policy.policy}${note[policy.kind]}\n${title}: ${shown(mean, unit)}${half ? " \u00b1 " + shown(half, unit) : ""}\nsending costs ${shown(point[0], "\u03bb")}, ${counted(section.seeds, "seed")}`, section.ranked ? "" : "unranked");
      }
    });
  };
  figure("stream-accuracy", "top-1 accuracy", "share", 2);
  figure("stream-cost", "cost of a sample", "\u03bb", 1);
  byId("stream-legend").replaceChildren(...section.policies.map((policy, n) => entry(shape(n), colour(n), policy.policy + note[policy.kind])));
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = html("button", head.textContent, { type: "button" });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (line) => { const cell = line.cells[column]; return "value" in cell.dataset ? Number(cell.dataset.value) : cell.classList.contains("number") ? null : cell.textContent; };
      const lines = [...table.tBodies[0].rows].sort((a, b) => {
        const [one, other] = [value(a), value(b)];
        if (one === null || other === null) return (one === null) - (other === null);
        return (one < other ? -1 : one > other ? 1 : 0) * (down ? -1 : 1);
      });
      table.tBodies[0].append(...lines);
    });
  });
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
  fill("device", unique(board().rows.map((row) => row.device)));
  draw();
}

if (page.streams) {
  byId("stream-controls").hidden = false;
  byId("stream-figures").hidden = false;
  byId("stream-controls").addEventListener("submit", (event) => event.preventDefault());
  byId("stream").addEventListener("input", drawStream);
  for (const table of document.querySelectorAll("[data-stream] table")) sortable(table);
  let wide = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== wide) { wide = innerWidth; drawStream(); } });
  drawStream();
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
  for (const id of ["backbone", "method", "device", "exits", "x", "y", "log", "find"]) byId(id).addEventListener("input", draw);
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
