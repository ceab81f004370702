"use strict";
// What every chapter's script uses: blocks of data, elements, numbers in words.
const page = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const blocks = {};

function block(name) {
  // A block of the page's data, read when it is first asked for.
  if (!(name in blocks)) blocks[name] = JSON.parse(byId(name).textContent);
  return blocks[name];
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
  return Number((value / size).toPrecision(3)) + " " + prefix + unit;
}

function spread(pair, unit) {
  // A mean with its interval; of shares in points.
  if (!pair) return "-";
  if (pair[1] === null) return shown(pair[0], unit);
  return shown(pair[0], unit) + " \u00b1 " + (unit === "share" ? (100 * pair[1]).toFixed(2) : shown(pair[1], unit));
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
