// The plot: lines by method over density, or over another axis. A method's colour and shape are the same on every board.
const SHOWN = { predefined: 2, learned: 2, smaller: 2 };

function styleOf(family) {
  const [, colour, shape] = page.methods[family] || ["learned", "#7a7a7a", "circle"];
  return { colour, shape };
}

function best(own) {
  // The families to show at first: of every kind the best at the density that most have.
  const counts = new Map();
  for (const row of own) if (row.density) counts.set(row.density, (counts.get(row.density) || 0) + 1);
  const usual = [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0]?.[0];
  const at = own.filter((row) => row.kind !== "dense" && (usual === undefined || row.density === usual) && last(row, "top1")).sort((a, b) => b.ranked - a.ranked || last(b, "top1")[0] - last(a, "top1")[0]);
  return Object.entries(SHOWN).flatMap(([kind, most]) => [...new Set(at.filter((row) => row.kind === kind).map((row) => row.family))].slice(0, most));
}

function networkRows() {
  return rows().filter((row) => state.network === "all" || row.network === state.network);
}

function drawControls() {
  const nets = networks();
  if (state.network !== "all" && !nets.includes(state.network)) state.network = nets[0];
  options("network", [...plainOptions(nets), ["all", "all networks"]], state.network);
  const axes = Object.entries(page.axes).filter(([name]) => rows().some((row) => last(row, name))).map(([name, [words]]) => [name, words]);
  if (state.x === DEFAULTS.x && !rows().some((row) => row.density)) state.x = "macs.effective"; // nothing to show over density
  const over = [["density", "density asked for"], ...axes.filter(([name]) => name !== "density")];
  for (const [id, choices] of [["x", over], ["y", axes]]) {
    if (!choices.some(([name]) => name === state[id])) state[id] = DEFAULTS[id];
    options(id, choices, state[id]);
  }
  const densities = [...new Set(networkRows().map((row) => row.density).filter(Boolean))].sort((a, b) => a - b);
  options("least", [["", "any"], ...densities.map((one) => [String(one), percent(one)])], densities.includes(Number(state.least)) ? state.least : "");
  options("most", [["", "any"], ...densities.map((one) => [String(one), percent(one)])], densities.includes(Number(state.most)) ? state.most : "");
  const families = [...new Set(networkRows().filter((row) => row.kind !== "dense").map((row) => row.family))];
  const wanted = (state.lines || "").split("|").filter((name) => families.includes(name)), chosen = new Set(wanted.length ? wanted : best(networkRows()));
  byId("lines").replaceChildren(...Object.entries(page.kinds).map(([kind, words]) => {
    const own = unique(families.filter((family) => networkRows().some((row) => row.family === family && row.kind === kind)));
    const group = html("optgroup", own.map((family) => html("option", family, { value: family })), { label: words });
    return own.length ? group : "";
  }));
  for (const one of byId("lines").options) one.selected = chosen.has(one.value);
}

const percent = (share) => `${Number((100 * share).toPrecision(4))}%`;

const apart = (densities) => densities.filter(((last) => (one) => one >= 1.2 * last && (last = one, true))(0)); // so that no tick covers another

function bounds(marks, dense, up) {
  // Far outliers are clipped: those farther from the best than three times as far as the middle one.
  const values = marks.map((mark) => mark.b[0]);
  if (!up || values.length < 4) return values;
  const most = Math.max(...values, ...dense), gaps = values.map((value) => most - value).sort((a, b) => a - b);
  const least = most - Math.max(3 * gaps[Math.floor(gaps.length / 2)], 0.02);
  return [...values.filter((value) => value >= least), ...dense.filter((value) => value >= least)];
}

function drawPlot() {
  const [x, y] = ["x", "y"].map((id) => {
    const [words, unit, up] = page.axes[state[id]];
    return state[id] === "density" && id === "x" ? { key: "density", title: "weights that stay, as asked for", unit: "share", up: null, log: true, words: percent } : { key: state[id], title: words, unit, up, log: unit !== "share" };
  });
  const overDensity = x.key === "density";
  const own = networkRows().filter((row) => (!byId("least").value || row.density >= Number(byId("least").value)) && (!byId("most").value || row.density <= Number(byId("most").value)));
  const families = [...byId("lines").selectedOptions].map((one) => one.value);
  const shift = (row) => 1.03 ** (families.indexOf(row.family) - (families.length - 1) / 2); // so that intervals do not cover each other
  const place = (row) => overDensity ? (row.density ? [row.density * (families.length < 9 ? shift(row) : 1), null] : null) : last(row, x.key);
  const mark = (row) => ({ row, a: place(row), b: last(row, y.key) });
  const usable = (one) => one.a && one.b && !(x.log && one.a[0] <= 0) && !(y.log && one.b[0] <= 0);
  const marks = own.filter((row) => row.kind !== "dense" && families.includes(row.family)).map(mark).filter(usable);
  const parents = networkRows().filter((row) => row.kind === "dense" && last(row, y.key));
  const dense = overDensity ? [] : parents.map(mark).filter(usable);
  byId("plot-title").textContent = `${y.title[0].toUpperCase()}${y.title.slice(1)} by ${overDensity ? "method over density" : x.title}`;
  const all = [...marks, ...dense];
  if (!all.length) {
    byId("tradeoff").replaceChildren();
    byId("legend").replaceChildren();
    byId("plot-note").textContent = "No network here has both of these numbers: choose other axes, networks or methods.";
    return;
  }
  const levels = overDensity ? parents.map((row) => last(row, y.key)[0]) : [];
  const heights = bounds(all, levels, y.up), low = Math.min(...heights), clipped = all.filter((one) => one.b[0] < low);
  const across = all.map((one) => one.a[0]);
  if (overDensity) x.ticks = apart([...new Set(marks.map((one) => one.row.density))].sort((a, b) => a - b));
  const plot = new Plot(byId("tradeoff"), `${y.title} by ${x.title}`, x, y, [...heights.map((value) => [across[0], value]), ...levels.map((value) => [across[0], value]), ...across.map((value) => [value, heights[0]])], innerWidth < 600 ? 300 : 420);
  if (overDensity) for (const row of parents) plot.band(...last(row, y.key).slice(0, 2), `${row.model}: ${spread(last(row, y.key), y.unit)}`);
  else plot.path(front(all.filter((one) => one.row.ranked).map((one) => [one.a[0], one.b[0]]), x.up, y.up), { class: "front" });
  for (const network of unique(marks.map((one) => one.row.network)))
    for (const family of families) {
      const line = marks.filter((one) => one.row.family === family && one.row.network === network).sort((a, b) => a.row.density - b.row.density);
      if (line.length) plot.path(line.map((one) => [one.a[0], Math.max(one.b[0], plot.y.low)]), { class: "path", stroke: styleOf(family).colour });
    }
  for (const { row, a, b } of all) {
    const { colour, shape } = styleOf(row.family), out = b[0] < low;
    if (!out) plot.bar(a[0], b[0], [a[1], b[1]], colour);
    const words = `${title(row)}, ${counted(row.seeds, "seed")}\n${y.title}: ${spread(b, y.unit)}${out ? " (below the plot)" : ""}\n${x.title}: ${overDensity ? percent(row.density) : spread(a, x.unit)}`;
    plot.mark(a[0], out ? plot.y.low : b[0], out ? "triangle" : shape, colour, words, row.ranked ? "" : "unranked", () => { change("chosen", key(row)); open("one"); });
  }
  const styles = families.filter((family) => marks.some((one) => one.row.family === family)).map((family) => [family, styleOf(family)]);
  byId("legend").replaceChildren(...styles.map(([family, { colour, shape }]) => entry(shape, colour, family)), ...(parents.length ? [entry("circle", styleOf("dense").colour, overDensity ? "dense: dashed line, its interval shaded" : "dense")] : []));
  const many = new Set(networkRows().filter((row) => row.kind !== "dense").map((row) => row.family)).size;
  byId("plot-note").textContent = `${state.network === "all" ? "All networks" : state.network}: ${families.length} of ${counted(many, "method")}. Bars are 95% intervals over seeds`
    + (overDensity ? "" : x.up === null || y.up === null ? "" : "; the dashed line joins those that no other beats in both directions")
    + (all.some((one) => !one.row.ranked) ? "; pale: fewer than three seeds" : "")
    + (clipped.length ? `; far below, at the lower edge: ${clipped.map((one) => `${one.row.model} ${spread(one.b, y.unit)}`).join(", ")}` : "") + ".";
}
