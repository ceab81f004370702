"use strict";
// What every chapter's script uses: blocks of data, elements, numbers in words.
const page = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const blocks = new Map(), asked = new Map();

function take(name, stamp, text) {
  // Called by a file of the folder beside the page, which holds one block of its data.
  if (stamp === page.blocks[name]) blocks.set(name, JSON.parse(text));
}

function need(name, then) {
  // Whether a block is here; where it is not, its file is loaded, and `then` called when it is.
  if (blocks.has(name)) return true;
  if (asked.has(name)) { asked.get(name).push(then); return false; }
  const waiting = [then], file = `${page.folder}/${name}.js`, script = document.createElement("script");
  asked.set(name, waiting);
  const missing = (why) => {
    asked.delete(name);
    byId("missing").textContent = `${file} ${why}`;
    byId("missing").hidden = false;
  };
  script.addEventListener("error", () => missing(`is not here or cannot be read. Keep the folder "${page.folder}" beside this page, from where it was written, and load the page again.`));
  script.addEventListener("load", () => {
    if (!blocks.has(name)) return missing("is of another time than this page. Load the page again; if this stays, write both anew: make board.");
    byId("missing").hidden = true;
    asked.delete(name);
    for (const one of waiting) one();
  });
  script.src = `${file}?${page.blocks[name]}`;
  document.body.append(script);
  return false;
}

const block = (name) => blocks.get(name);

function ask(name, then) {
  // A block for a function, now or when it is here.
  if (need(name, () => then(block(name)))) then(block(name));
}

function node(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function html(name, content = "", attributes = {}) {
  const made = document.createElement(name);
  made.append(...[content].flat());
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function shown(value, unit) {
  if (unit === "share") return (100 * value).toFixed(2) + "%";
  if (unit === "x") return Number(value.toPrecision(3)) + " x";
  const steps = unit === "s" || unit === "J"
    ? [[1, ""], [1e-3, "m"], [1e-6, "\u00b5"], [1e-9, "n"]]
    : [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
  const [size, prefix] = steps.find(([least]) => Math.abs(value) >= 0.9995 * least) || steps[steps.length - 1];
  return Number((value / size).toPrecision(3)) + " " + prefix + (unit === "instruction" ? "instr." : unit);
}

// The number of seeds that a mean is over, where not all of its network have the number.
const ofSeeds = (pair) => pair[2] === undefined ? "" : ` (n=${pair[2]})`;

function spread(pair, unit) {
  // A mean with its interval; of shares in points.
  if (!pair) return "-";
  const half = pair[1] === null ? "" : " \u00b1 " + (unit === "share" ? (100 * pair[1]).toFixed(2) : shown(pair[1], unit));
  return shown(pair[0], unit) + half + ofSeeds(pair);
}

function points(difference) {
  // A difference of accuracies in points with its interval.
  if (!difference) return "-";
  const [mean, half] = difference;
  return (mean < 0 ? "\u2212" : "+") + Math.abs(100 * mean).toFixed(2) + (half === null ? "" : " \u00b1 " + (100 * half).toFixed(2));
}

function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function options(id, values, chosen) {
  byId(id).replaceChildren(...values.map(([value, words]) => html("option", words, { value })));
  byId(id).value = chosen;
}

const unique = (values) => [...new Set(values)].sort();
const plainOptions = (values) => values.map((value) => [value, value]);
