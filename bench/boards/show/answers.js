// Answers to questions: which network to take, the best at a density, A against B, exits against time, the cost of training.
function within(row) {
  // Whether a network keeps the limits; one whose number is unknown does not.
  const limit = (name) => state[name] === undefined || state[name] === "" || Number.isNaN(Number(state[name])) ? null : Number(state[name]) * LIMITS[name];
  const least = (pair, most) => most === null || (pair && pair[0] <= most);
  const accuracy = limit("accuracy"), top1 = last(row, "top1");
  return least(last(row, "bytes"), limit("bytes")) && least(last(row, "latency"), limit("time")) && top1 && (accuracy === null || top1[0] >= accuracy);
}

function drawTaken() {
  const ranked = rows().filter((row) => row.ranked), able = ranked.filter(within).sort((a, b) => last(b, "top1")[0] - last(a, "top1")[0]);
  const home = byId("taken"), all = `${counted(ranked.length, "network")} with three seeds or more`;
  if (!able.length) {
    home.replaceChildren(html("p", ranked.length ? `None of the ${all} keeps all limits.` : "No network here has three seeds, and of fewer none is ranked: so none is named."));
    return;
  }
  const [best] = able, gap = (row) => last(best, "top1")[0] - last(row, "top1")[0];
  const alike = able.slice(1).filter((row) => gap(row) <= page.margin && !told(difference(row, best)));
  const least = (axis) => [best, ...alike].filter((row) => last(row, axis)).sort((a, b) => last(a, axis)[0] - last(b, axis)[0])[0];
  const named = new Map();
  for (const [row, words] of [[best, "the most accurate"], [least("bytes"), "the smallest"], [least("latency"), "the fastest"]])
    if (row) named.set(row, [...(named.get(row) || []), words]);
  const many = able.length > 1 ? ` The best by the mean is the best of ${able.length}, so it looks better than it is.` : "";
  const rest = alike.length ? ` ${counted(alike.length, "other")} within ${100 * page.margin} points cannot be told from it by pairs of seeds. Of these ${alike.length + 1}:` : able.length > 1 ? ` No other within ${100 * page.margin} points that could not be told from it.` : "";
  home.replaceChildren(html("p", `${able.length} of ${all} ${able.length === 1 ? "keeps" : "keep"} the limits.${many}${rest}`), html("div"));
  table(home.lastChild, [{ title: "network" }, { title: "top-1", number: true }, { title: "file", number: true }, { title: "time", number: true }],
    [...named].map(([row, words]) => [[html("strong", words.join(", ")), html("br"), ...nameCell(row)], cellOf(row, "top1"), cellOf(row, "bytes"), cellOf(row, "latency")]), { label: "Networks to take" });
}

function drawDensity() {
  const home = byId("density").lastElementChild, best = field().best;
  if (!best.length) { home.replaceChildren(html("p", "No two methods have three seeds at one density here.")); return; }
  const small = (words) => html("small", words);
  table(home, [{ title: "density" }, { title: "best method" }, { title: "top-1", number: true }, { title: "of", number: true }, { title: "not told from it", number: true }],
    best.map(([network, density, method, of, top1, loss, alike, longer]) => [density, [method, small(network), ...(longer ? [small(longer)] : [])], [top1, small(loss)], of, alike]), { label: "The best method at each density" });
  home.append(html("p", "Below top-1: points more than the dense parent, by pairs of seeds. Of: the number of methods that were compared within the recipe; the best of many looks better than it is. Not told from it: how many of the other methods' differences from it have an interval with 0 in it.", { class: "note" }));
}

function drawCompare() {
  const own = rows().filter((row) => row.top1), choices = own.map((row) => [key(row), title(row)]);
  if (!own.length) return;
  const a = rowOf(state.a) || own[0], b = rowOf(state.b) || own.find((row) => row.kind === "dense" && row.network === a.network && row !== a) || own.find((row) => row !== a) || a;
  options("a", choices, key(a));
  options("b", choices, key(b));
  const one = difference(a, b), home = byId("compare").lastElementChild;
  const sides = ["bytes", "latency", "macs.effective", "training"].filter((axis) => page.axes[axis]).map((axis) => [page.axes[axis][0], cellOf(a, axis), cellOf(b, axis), last(a, axis) && last(b, axis) ? shown(last(b, axis)[0] / last(a, axis)[0], "x") : "-"]);
  home.replaceChildren(html("p", html("strong", answer(one, a, b))), html("p", [`A: ${title(a)}. B: ${title(b)}.`, reason(one), longer("A", a), longer("B", b)].filter(Boolean).join(" "), { class: "note" }), html("div"));
  table(home.lastChild, [{ title: "" }, { title: "A", number: true }, { title: "B", number: true }, { title: "B / A", number: true }], [["top-1 accuracy", cellOf(a, "top1"), cellOf(b, "top1"), ""], ...sides], { label: "A and B" });
}

const longer = (name, row) => row.longer ? `${name}, which trained longer: ${row.longer}.` : "";

function answer(one, a, b) {
  const margin = page.margin;
  if (!one || one[1] === null) return "Cannot tell: they share fewer than two seeds.";
  const [mean, , , tested] = one;
  if (told(one)) {
    const [name, better] = mean > 0 ? ["A", a] : ["B", b];
    return `${name} is more accurate${better.longer ? `, and trained ${shown(better.budget[0], "x")} as long as its recipe` : ""}.`;
  }
  if (Math.abs(mean) + tested <= margin + 1e-9) return `Alike: they differ by at most ${100 * margin} points.`;
  return "Cannot tell.";
}

function reason(one) {
  if (!one || one[1] === null) return "";
  const [mean, , n, tested] = one, margin = page.margin;
  const verdict = told(one) && mean > 0 ? "" : mean - tested >= -margin - 1e-9 ? `surely loses at most ${100 * margin} points` : mean + tested < -margin - 1e-9 ? `surely loses more than ${100 * margin} points` : `may lose more than ${100 * margin} points, or less: these seeds cannot tell`;
  return `A has ${points(one)} points more than B, over ${counted(n, "pair")} of seeds with a 95% interval.` + (verdict && ` Against B, A ${verdict} (two one-sided tests at 5%).`)
    + (n < 5 ? ` ${n} seeds give a wide interval.` : "");
}

function drawExits() {
  const own = rows().filter((row) => row.early).sort((a, b) => (b.kind === "dense") - (a.kind === "dense"));
  const home = byId("exits").lastElementChild;
  if (!own.length) { home.replaceChildren(html("p", "No network here has early exits that were judged.")); return; }
  const batch = (n) => ({ title: `time, batch ${page.batches[n]}`, number: true });
  const ends = [0, page.batches.length - 1];
  const policy = (row) => html("small", `${row.early.policy}, best of ${row.early.among}${row.early.lost ? `; ${(100 * row.early.lost[0]).toFixed(2)} points lost` : ""}`);
  table(home, [{ title: "network" }, { title: "MACs saved", number: true }, ...ends.map(batch)],
    own.map((row) => [[...nameCell(row), policy(row)], times(row.early.macs), ...ends.map((n) => sure(row.early.times[n]))]), { label: "Exits against time", shown: 10 });
  home.prepend(html("p", html("strong", ends.map((n) => exitsAnswer(own, n)).join(" "))), html("p", "How many times fewer MACs, and how many times less time for a sample with exits really taken, than the network without early exits: below 1 x the exits cost more than they save. Each at the point where its policy would be shipped, which the calibration split chooses; with 95% intervals over seeds, and in words only where the interval leaves 1 out. Of forty networks whose exits change nothing, one would be said to save and one to cost by chance.", { class: "note" }));
}

const times = (pair) => pair ? `${pair[0].toFixed(2)}${pair[1] === null ? "" : " \u00b1 " + pair[1].toFixed(2)} x${ofSeeds(pair)}` : "-";

// Whether the whole interval of a ratio of times lies above 1, or below.
const saves = (pair) => Boolean(pair) && pair[1] !== null && pair[0] - pair[1] > 1;
const costs = (pair) => Boolean(pair) && pair[1] !== null && pair[0] + pair[1] < 1;
const sure = (pair) => times(pair) + (saves(pair) ? ", saves" : costs(pair) ? ", costs" : "");

function exitsAnswer(own, n) {
  // For how many networks exits surely save time in batches of one size, and for how many they cost some.
  const timed = own.map((row) => row.early.times[n]).filter(Boolean), batch = `In batches of ${page.batches[n]}`;
  if (!timed.length) return `${batch} no exits were taken on the clock here.`;
  return `${batch} exits surely save time for ${timed.filter(saves).length} of ${counted(timed.length, "network")}, and surely cost time for ${timed.filter(costs).length}.`;
}

function drawTraining() {
  const home = byId("training").lastElementChild, own = [...rows()].sort((a, b) => (last(a, "training")?.[0] ?? Infinity) - (last(b, "training")?.[0] ?? Infinity));
  table(home, [{ title: "network" }, { title: "training MACs", number: true }, { title: "time, dense = 1", number: true }, { title: "budget", number: true }, { title: "a whole run", number: true }],
    own.map((row) => [[...nameCell(row), ...(row.longer ? [html("small", row.longer)] : [])], cellOf(row, "training"), times(last(row, "overhead")), times(row.budget && [row.budget[0], null]), row.exits ? `${Math.round(row.seconds)} s` : "-"]), { label: "What training costs", shown: 10 });
  home.prepend(html("p", "The cheapest in multiply-accumulates first; weights that are left out cost none. Time: over that of as many steps of the dense network, on the machine that trained it. Budget: steps trained, over the recipe's. A whole run trains, measures and records. A method that trains longer is held against the dense network whose epochs are as many, where there is one.", { class: "note" }));
}
