// The boards of networks: which of them are compared, and the state of the page, which its address holds.
const DEFAULTS = { x: "density", y: "top1", order: "top1" };
const KEYS = ["board", "recipe", "machine", "bytes", "time", "accuracy", "x", "y", "network", "least", "most", "lines", "a", "b", "chosen", "find", "order", "stream", "deployment", "open"];
const LIMITS = { bytes: 1e3, time: 1e-6, accuracy: 0.01 };
let state = {};

const names = Object.keys(page.boards || {});
const board = () => page.boards[state.board];
const place = () => Math.max(0, board().fields.findIndex((one) => one.recipe === state.recipe && one.machine === state.machine));
const field = () => board().fields[place()];
const rowsName = () => `${state.board}-rows-${place()}`;
const rows = () => block(rowsName());
const moreName = (number) => `${state.board}-more-${place()}-${Math.floor(number / page.chunk)}`;
const more = (number) => block(moreName(number))[number % page.chunk];
const last = (row, key) => row.whole && key in row.whole ? row.whole[key] : row.exits?.[row.exits.length - 1]?.[key];
const networks = () => {
  // Backbones with their exits plans, those of most rows first.
  const counts = new Map();
  for (const row of rows()) counts.set(row.network, (counts.get(row.network) || 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name);
};
const rowOf = (name) => rows().find((row) => key(row) === name);
const key = (row) => row.digest;
const title = (row) => `${row.model}, ${row.plan}`;

function difference(one, other) {
  // The mean of one's accuracy minus the other's by pairs of seeds, and half of its 95% and 90% intervals.
  const others = new Map(other.top1), values = one.top1.filter(([seed]) => others.has(seed)).map(([seed, top1]) => top1 - others.get(seed));
  if (!values.length) return null;
  const n = values.length, mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return [mean, null, 1, null];
  const error = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1) / n);
  const [t, tested] = page.t.map((quantiles) => quantiles[Math.min(n - 2, quantiles.length - 1)]);
  return [mean, t * error, n, tested * error];
}

const told = (one) => one !== null && one[1] !== null && Math.abs(one[0]) > one[1] + 1e-9;

function readState() {
  state = { ...DEFAULTS, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };
  if (!names.length) return;
  if (!names.includes(state.board)) state.board = names[0];
  settle();
}

function settle() {
  // What does not exist on this board gives way to what is usual there.
  const fields = board().fields;
  if (!fields.some((one) => one.recipe === state.recipe)) state.recipe = fields[0].recipe;
  const own = fields.filter((one) => one.recipe === state.recipe);
  if (!own.some((one) => one.machine === state.machine)) state.machine = own[0].machine;
  if (!Object.hasOwn(page.axes, state.order)) state.order = DEFAULTS.order;
}

function writeState() {
  const usual = !names.length ? DEFAULTS : { ...DEFAULTS, board: names[0], recipe: board().fields[0].recipe, machine: board().fields.find((one) => one.recipe === state.recipe).machine, network: rows() && networks()[0] };
  const kept = KEYS.filter((name) => state[name] && state[name] !== usual[name]).map((name) => [name, state[name]]);
  history.replaceState(null, "", "#" + new URLSearchParams(kept));
}

function change(name, value) {
  state[name] = value;
  writeState();
}

function remember(part) {
  // The address names the part that was opened last.
  if (part.open) change("open", part.id);
  else if (state.open === part.id) change("open", "");
}

function cellOf(row, axis) {
  const pair = last(row, axis), unit = page.axes[axis][1];
  if (pair) return unit === "share" ? spread(pair, unit) : shown(pair[0], unit) + ofSeeds(pair);
  return row.disturbed?.includes(axis) ? "disturbed" : "-";
}

function nameCell(row) {
  const button = html("button", row.model, { type: "button", class: "name", "aria-label": `Show one network: ${title(row)}` });
  button.addEventListener("click", () => { change("chosen", key(row)); open("one"); });
  const notes = [row.plan, ...(row.longer ? [`trains ${shown(row.budget[0], "x")} as long`] : []), ...(row.contested ? ["contested"] : []), ...(row.costly ? [`MACs leave out ${row.costly.join(", ")}`] : []), ...(row.ranked ? [] : ["fewer than three seeds"])];
  return [button, html("small", notes.join("; "))];
}

const HEADS = [
  { title: "group", number: true, wide: true }, { title: "network" }, { title: "top-1", number: true }, { title: "against dense", number: true, wide: true },
  { title: "file", number: true }, { title: "time", number: true }, { title: "MACs", number: true, wide: true }, { title: "training", number: true, wide: true },
];

function cells(row) {
  const training = row.budget && row.budget[0] !== 1 ? `${shown(row.budget[0], "x")} as long` : "";
  return [row.group ? String(row.group) : "-", nameCell(row), cellOf(row, "top1"), points(row.loss), cellOf(row, "bytes"), cellOf(row, "latency"), cellOf(row, "macs.effective"), training];
}

function drawFound() {
  const own = field();
  byId("about").textContent = own.about;
  byId("sentences").replaceChildren(...own.findings.map((words) => html("li", words)));
  if (!own.findings.length) byId("sentences").append(html("li", "Too few seeds or networks to find anything out: three seeds of two methods are needed."));
  byId("caveat").textContent = page.caveat;
}

function drawFirst() {
  table(byId("best"), HEADS, rows().slice(0, 10).map(cells), { label: "The first ten networks" });
  byId("best").append(html("p", "By accuracy, in groups: networks of one group cannot be told from its first one by pairs of seeds. Against dense: points more than the dense parent. File: packed. Time: a sample alone; n: how many of its seeds were timed here, where not all were. All within one training recipe and one machine.", { class: "note" }));
}

function drawAll() {
  const words = (state.find || "").toLowerCase(), axis = state.order, up = page.axes[axis][2];
  const value = (row) => last(row, axis)?.[0] ?? null;
  const found = rows().filter((row) => title(row).toLowerCase().includes(words));
  if (axis !== "top1") found.sort((a, b) => (value(a) === null) - (value(b) === null) || (up ? value(b) - value(a) : value(a) - value(b)));
  const own = HEADS.some((head) => head.axis === axis) || ["top1", "bytes", "latency", "macs.effective"].includes(axis) ? [] : [axis];
  table(byId("all").lastElementChild, [...HEADS, ...own.map((name) => ({ title: page.axes[name][0], number: true }))], found.map((row) => [...cells(row), ...own.map((name) => cellOf(row, name))]), { label: "All networks", shown: 10 });
}

const PARTS = { density: drawDensity, compare: drawCompare, exits: drawExits, training: drawTraining, all: drawAll, one: drawOne };

function open(name) {
  // Show a part of the page and go there.
  const part = byId(name);
  if (!part) return;
  if (part.tagName === "DETAILS") { part.open = true; drawPart(name); }
  change("open", name);
  part.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  (part.querySelector("summary") || part).focus({ preventScroll: true });
}

function drawPart(name) {
  // A part that is open, as soon as the rows are here.
  ask(rowsName(), () => { if (byId(name).open) PARTS[name]?.(); });
}

function drawParts() {
  for (const name of Object.keys(PARTS)) drawPart(name);
  byId("tables").replaceChildren();
  const own = `${state.board}-tables`;
  board().tables.forEach((title, number) => textTable(byId("tables"), title, (fill) => ask(own, (tables) => fill(tables[number]))));
  if (board().contested.length) {
    const table = { note: page.contestedNote, heads: ["network", "reason"], rows: board().contested, names: 2 };
    textTable(byId("tables"), "Contested records", (fill) => fill(table));
  }
}

function draw(then) {
  // The findings at once, the rest as soon as the rows of this field are here.
  settle();
  const fields = board().fields;
  options("board", names.map((name) => [name, page.boards[name].title]), state.board);
  options("recipe", plainOptions([...new Set(fields.map((one) => one.recipe))]), state.recipe);
  options("machine", plainOptions(fields.filter((one) => one.recipe === state.recipe).map((one) => one.machine)), state.machine);
  for (const name of Object.keys(LIMITS)) byId(name).value = state[name] || "";
  byId("find").value = state.find || "";
  options("order", Object.keys(page.axes).map((name) => [name, page.axes[name][0]]), state.order);
  drawFound();
  byId("networks").setAttribute("aria-busy", "true");
  if (!need(rowsName(), () => draw(then))) return;
  byId("networks").removeAttribute("aria-busy");
  drawFirst();
  drawTaken();
  drawControls();
  drawPlot();
  drawParts();
  then?.();
}

function begin() {
  readState();
  byId("where").hidden = byId("networks").hidden = false;
  for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
  for (const name of ["board", "recipe", "machine"])
    byId(name).addEventListener("change", (event) => {
      state = { ...DEFAULTS, board: state.board, recipe: state.recipe, bytes: state.bytes, time: state.time, accuracy: state.accuracy, open: state.open, [name]: event.target.value };
      settle();
      writeState();
      draw();
    });
  for (const name of Object.keys(LIMITS)) byId(name).addEventListener("input", (event) => { change(name, event.target.value); ask(rowsName(), drawTaken); });
  for (const name of ["x", "y", "network", "least", "most"]) byId(name).addEventListener("change", (event) => { change(name, event.target.value); ask(rowsName(), () => { drawControls(); drawPlot(); }); });
  byId("lines").addEventListener("change", (event) => { change("lines", [...event.target.selectedOptions].map((one) => one.value).join("|")); ask(rowsName(), drawPlot); });
  for (const name of ["a", "b"]) byId(name).addEventListener("change", (event) => { change(name, event.target.value); drawPart("compare"); });
  byId("chosen").addEventListener("change", (event) => { change("chosen", event.target.value); drawPart("one"); });
  byId("find").addEventListener("input", (event) => { change("find", event.target.value); drawPart("all"); });
  byId("order").addEventListener("change", (event) => { change("order", event.target.value); drawPart("all"); });
  for (const link of document.querySelectorAll("[data-open]")) link.addEventListener("click", (event) => { event.preventDefault(); open(link.dataset.open); });
  for (const name of Object.keys(PARTS)) byId(name).addEventListener("toggle", () => drawPart(name));
  document.addEventListener("toggle", (event) => { if (event.target.matches("details.part")) remember(event.target); }, true);
  addEventListener("hashchange", () => { readState(); draw(goToOpen); });
  let wide = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== wide && rows()) { wide = innerWidth; drawPlot(); drawPart("one"); } });
  draw(goToOpen);
}

function goToOpen() {
  if (state.open) open(state.open);
}
