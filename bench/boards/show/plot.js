// Figures: axes, a grid and marks in one SVG. One stop of the tab key leads to its marks, arrow keys from one to the next.
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8f7a00", "#7a7a7a"];
const SHAPES = ["circle", "square", "diamond", "triangle", "cross", "star"];

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
  constructor(home, title, x, y, values, height) {
    this.home = home;
    home.replaceChildren();
    this.marks = [];
    this.wide = Math.max(300, Math.min(home.clientWidth || 700, 1500));
    this.high = height;
    this.left = 70; this.right = 14; this.top = 12; this.bottom = 44;
    this.x = this.scale(values.map((v) => v[0]), x, this.left, this.wide - this.right);
    this.y = this.scale(values.map((v) => v[1]), y, this.high - this.bottom, this.top, y.unit === "share" ? 0.01 : 0);
    this.svg = node("svg", { viewBox: `0 0 ${this.wide} ${this.high}`, role: "group", "aria-label": `${title}. Arrow keys go from mark to mark.` });
    const across = Math.max(2, Math.floor(this.wide / 80));
    let places = x.ticks || ticks(this.x.low, this.x.high, x.log);
    while (places.length > across) places = places.filter((_, n) => n % 2 === 0);
    for (const value of places) {
      const at = this.x(value);
      this.svg.append(node("line", { class: "grid", x1: at, x2: at, y1: this.top, y2: this.high - this.bottom }));
      this.svg.append(node("text", { x: at, y: this.high - this.bottom + 16, "text-anchor": "middle" }, x.words ? x.words(value) : shown(value, x.unit)));
    }
    for (const value of ticks(this.y.low, this.y.high, y.log)) {
      const at = this.y(value);
      this.svg.append(node("line", { class: "grid", x1: this.left, x2: this.wide - this.right, y1: at, y2: at }));
      this.svg.append(node("text", { x: this.left - 6, y: at + 4, "text-anchor": "end" }, y.unit === "share" ? Number((100 * value).toPrecision(4)) + "%" : shown(value, y.unit)));
    }
    this.svg.append(node("text", { class: "axis", x: (this.left + this.wide) / 2, y: this.high - 8, "text-anchor": "middle" }, x.title));
    this.svg.append(node("text", { class: "axis", transform: `translate(14 ${(this.high - this.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, y.title));
    this.tip = html("div", "", { class: "tip", hidden: "" });
    home.append(this.svg, this.tip);
    this.svg.addEventListener("keydown", (event) => this.walk(event));
  }
  scale(values, { unit, log }, from, to, least = 0) {
    let low = Math.min(...values), high = Math.max(...values);
    if (log) { low = Math.max(low, high * 1e-9) || 1; low /= 1.15; high = (high || 1) * 1.15; }
    else { const air = Math.max((high - low) * 0.06, least / 2, Math.abs(high) * 1e-6 || 1e-6); low -= air; high = unit === "share" ? Math.max(high, Math.min(high + air, 1)) : high + air; } // no share is more than all
    const of = log ? Math.log10 : (value) => value;
    const made = (value) => from + (of(Math.max(value, log ? low : -Infinity)) - of(low)) / (of(high) - of(low)) * (to - from);
    made.low = low; made.high = high;
    return made;
  }
  bar(x, y, half, colour) {
    const inside = (axis, value) => Math.min(Math.max(value, axis.low), axis.high);
    if (half[0]) this.svg.append(node("line", { class: "bar", stroke: colour, x1: this.x(inside(this.x, x - half[0])), x2: this.x(inside(this.x, x + half[0])), y1: this.y(y), y2: this.y(y) }));
    if (half[1]) this.svg.append(node("line", { class: "bar", stroke: colour, x1: this.x(x), x2: this.x(x), y1: this.y(inside(this.y, y - half[1])), y2: this.y(inside(this.y, y + half[1])) }));
  }
  band(mean, half, words) {
    // A horizontal line with its interval.
    const [low, high] = [Math.max(mean - (half || 0), this.y.low), Math.min(mean + (half || 0), this.y.high)];
    this.svg.append(node("rect", { class: "band", x: this.left, width: this.wide - this.right - this.left, y: this.y(high), height: Math.max(0, this.y(low) - this.y(high)) }));
    this.svg.append(node("line", { class: "front", x1: this.left, x2: this.wide - this.right, y1: this.y(mean), y2: this.y(mean) }, node("title", {}, words)));
  }
  path(places, attributes) {
    if (places.length > 1) this.svg.append(node("polyline", { points: places.map(([x, y]) => `${this.x(x)},${this.y(y)}`).join(" "), ...attributes }));
  }
  mark(x, y, shape, colour, words, classes = "", act = null) {
    const made = node("path", { d: outline(shape, 6), transform: `translate(${this.x(x)} ${this.y(y)})`, fill: colour, class: "point " + classes, tabindex: this.marks.length ? -1 : 0, role: act ? "button" : "img", "aria-label": words.replaceAll("\n", ", ") });
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
    this.marks.push(made);
    this.svg.append(made);
  }
  walk(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key], here = this.marks.indexOf(event.target);
    if (!step || here < 0) return;
    event.preventDefault();
    const next = this.marks[(here + step + this.marks.length) % this.marks.length];
    this.marks[here].setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
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

function entry(shape, colour, words) {
  const item = html("li");
  item.append(node("svg", { viewBox: "-9 -9 18 18", "aria-hidden": "true" }, node("path", { d: outline(shape, 6.5), fill: colour })), words);
  return item;
}

function front(places, xUp, yUp) {
  // The places that no other one beats in both directions; where more of an axis is neither better nor worse, there is none.
  if (xUp === null || yUp === null) return [];
  const better = (a, b, up) => up ? a >= b : a <= b;
  return places.filter((one) => !places.some((other) => other !== one
    && better(other[0], one[0], xUp) && better(other[1], one[1], yUp)
    && (other[0] !== one[0] || other[1] !== one[1]))).sort((a, b) => a[0] - b[0]);
}
