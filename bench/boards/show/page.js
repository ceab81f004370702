"use strict";
// What every chapter's script uses: figures, numbers in words, tables that can be sorted. Tables are whole without it.
const page = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8f7a00", "#7a7a7a"];
const SHAPES = ["circle", "square", "diamond", "triangle", "cross", "star"];
const SVG = "http://www.w3.org/2000/svg";


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
  const [size, prefix] = steps.find(([least]) => Math.abs(value) >= 0.9995 * least) || steps[steps.length - 1];
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

const unique = (values) => [...new Set(values)].sort();

function entry(shape, colour, words) {
  const item = html("li");
  item.append(node("svg", { viewBox: "-9 -9 18 18", "aria-hidden": "true" }, node("path", { d: outline(shape, 6.5), fill: colour })), words);
  return item;
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
