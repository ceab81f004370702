// One network: its exits, its policies, its cuts, and what it was trained with.
function drawOne() {
  const own = rows();
  if (!own.length) return;
  const number = Math.max(0, own.findIndex((row) => key(row) === state.chosen)), row = own[number];
  if (!need(moreName(number), () => drawPart("one"))) return;
  const further = more(number);
  options("chosen", own.map((one) => [key(one), title(one)]), key(row));
  drawCurve(row, further);
  if (further.rates) drawRates(further.rates); else drawCuts(further);
  showRates(further.rates);
  const policies = further.policies.map((p) => [p.policy + (p.reference ? " (sees labels)" : ""), ...p.at.map((pair) => pair ? shown(pair[0], "share") : "-"), p.area ? shown(p.area[0], "share") : "-", p.exit ? p.exit[0].toFixed(2) : "-", p.shipped ? shown(p.shipped[0], "share") : "-", ...p.times.map((pair) => pair ? `${pair[0].toFixed(2)} x${ofSeeds(pair)}` : "-")]);
  const heads = ["policy", ...page.shares.map((share) => `top-1 at ${share}`), "area", "mean exit at 50%", "shipped", "MACs", ...page.batches.map((batch) => `time, batch ${batch}`)];
  byId("policies").replaceChildren();
  if (policies.length) {
    table(byId("policies"), heads.map((head, n) => ({ title: head, number: n > 0 })), policies, { label: "Policies", stack: true });
    byId("policies").append(html("p", page.policiesNote, { class: "note" }));
  }
  const facts = {
    ...Object.fromEntries([["top-1", "top1"], ["file", "bytes"], ["time", "latency"], ["MACs", "macs.effective"]].map(([head, axis]) => [head, cellOf(row, axis)])),
    training: row.exits && `${cellOf(row, "training")}; ${times(last(row, "overhead"))} the time of the dense network's, ${times(row.budget)} the recipe's steps; a whole run took ${Math.round(row.seconds)} s`,
    task: further.task, seeds: String(row.seeds) + (row.ranked ? "" : " (unranked)"), "timed on": state.machine,
    recipe: Object.entries(further.recipe).map(([k, v]) => `${k} ${v}`).join(", "), digest: row.digest,
    "dense parent / this": Object.entries(row.ratios || {}).map(([k, v]) => `${page.axes[k][0]} ${v.toFixed(2)} x`).join(", ") || null,
    "trains longer": row.longer, contested: row.contested?.join(" ") || null,
  };
  byId("facts").replaceChildren(...Object.entries(facts).filter(([, v]) => v).flatMap(([k, v]) => [html("dt", k), html("dd", v)]));
}

function drawCurve(row, more) {
  const accuracy = { title: "top-1 accuracy", unit: "share" };
  const exits = (row.exits || []).map((e, n) => [e["macs.effective"], e.top1, `exit ${n} (stage ${more.stages[n]})`]).filter(([a, b]) => a && b);
  const curves = more.policies.filter((p) => p.points.length);
  const values = [...exits.map(([a, b]) => [a[0], b[0]]), ...curves.flatMap((p) => p.points.map(([, a, b]) => [a[0], b[0]]))];
  byId("curve").replaceChildren();
  if (!values.length) return;
  const plot = new Plot(byId("curve"), "Accuracy against effective MACs", { title: "effective MACs", unit: "MAC" }, accuracy, values, 300);
  const style = (n) => [SHAPES[Math.floor(n / COLOURS.length) % SHAPES.length], COLOURS[n % COLOURS.length]];
  curves.forEach((policy, n) => {
    const [shape, colour] = style(n);
    plot.path(policy.points.map(([, a, b]) => [a[0], b[0]]), { class: "path", stroke: colour });
    for (const [share, a, b] of policy.points)
      plot.mark(a[0], b[0], shape, colour, `${policy.policy}${policy.reference ? " (sees labels)" : ""} within ${Math.round(share * 100)}%\n${spread(b, "share")} at ${shown(a[0], "MAC")}`);
  });
  for (const [a, b, name] of exits) {
    plot.bar(a[0], b[0], [0, b[1]], "currentColor");
    plot.mark(a[0], b[0], "diamond", "currentColor", `${name}\n${spread(b, "share")} at ${shown(a[0], "MAC")}`);
  }
  byId("curve").append(html("ul", [...curves.map((policy, n) => entry(...style(n), policy.policy)), entry("diamond", "currentColor", "exits")], { class: "legend" }));
}

function drawCuts(more) {
  const crossings = more.cuts.flatMap((cut) => Object.entries(cut.codecs).map(([codec, [raw, , top1]]) => ({ cut, codec, raw, top1 })));
  byId("cuts").replaceChildren();
  if (!crossings.length) return;
  const plot = new Plot(byId("cuts"), "Accuracy against payload", { title: "payload", unit: "B", log: true }, { title: "top-1 accuracy", unit: "share" }, crossings.map((c) => [c.raw[0], c.top1[0]]), 300);
  const codecs = unique(crossings.map((c) => c.codec)), colour = (codec) => COLOURS[codecs.indexOf(codec) % COLOURS.length];
  for (const { cut, codec, raw, top1 } of crossings) {
    plot.bar(raw[0], top1[0], [0, top1[1]], colour(codec));
    plot.mark(raw[0], top1[0], SHAPES[cut.before % SHAPES.length], colour(codec), `cut ${cut.before} (${cut.shape.join("x")}), ${codec}\n${spread(top1, "share")} behind ${shown(raw[0], "B")}`);
  }
  const some = more.cuts.filter((cut) => Object.keys(cut.codecs).length);
  byId("cuts").append(html("ul", [...codecs.map((codec) => entry("circle", colour(codec), codec)), ...some.map((cut) => entry(SHAPES[cut.before % SHAPES.length], "currentColor", `cut ${cut.before}`))], { class: "legend" }));
}

function drawRates(rates) {
  // A line for the codecs of one kind at one cut: the cut has the shape, the kind the colour.
  byId("cuts").replaceChildren();
  const kinds = unique(rates.curves.map((curve) => curve.name)), colour = (name) => COLOURS[kinds.indexOf(name) % COLOURS.length];
  const seen = rates.curves.map((curve) => ({ ...curve, points: curve.points.filter(([, bytes]) => bytes[0] > 0) })).filter((curve) => curve.points.length);
  if (!seen.length) return;
  const values = seen.flatMap((curve) => curve.points.map(([, bytes, top1]) => [bytes[0], top1[0]]));
  const plot = new Plot(byId("cuts"), "Accuracy against mean payload", { title: "mean payload", unit: "B", log: true }, { title: "top-1 accuracy", unit: "share" }, values, 300);
  for (const { cut, name, points } of seen) {
    plot.path(points.map(([, bytes, top1]) => [bytes[0], top1[0]]), { class: "path", stroke: colour(name) });
    for (const [codec, bytes, top1, agree] of points) {
      plot.bar(bytes[0], top1[0], [bytes[1], top1[1]], colour(name));
      plot.mark(bytes[0], top1[0], SHAPES[cut % SHAPES.length], colour(name), `cut ${cut}, ${codec}\n${spread(top1, "share")} behind ${spread(bytes, "B")}${agree ? `\nagrees with the uncut network: ${shown(agree[0], "share")}` : ""}`);
    }
  }
  byId("cuts").append(html("ul", [...kinds.map((name) => entry("circle", colour(name), name)), ...[...new Set(seen.map((curve) => curve.cut))].map((cut) => entry(SHAPES[cut % SHAPES.length], "currentColor", cut ? `cut ${cut}` : "cut 0: the input"))], { class: "legend" }));
}

function showRates(rates) {
  byId("rates").replaceChildren();
  if (!rates) return;
  const home = html("div");
  byId("rates").append(html("h3", "Bytes and accuracy at cuts"), html("ul", rates.answers.map((words) => html("li", words))), home, html("p", page.ratesNote, { class: "note" }));
  table(home, rates.heads.map(([title, number]) => ({ title, number })), rates.rows, { label: "Rate curves", stack: true });
}

if (names.length) begin(); else readState();
