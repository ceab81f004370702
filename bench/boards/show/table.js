// Tables that fit their screen: on a narrow one, columns that are wide are left out, or every row is a list of its cells.
const MORE = 25;

function table(home, heads, rows, { label, shown = MORE, stack = false } = {}) {
  // heads: [{title, number, wide}]; rows: arrays of texts or elements; further rows appear when asked for.
  const made = html("table", "", { role: "table", "aria-label": label, ...(stack ? { class: "stack" } : {}) });
  const kind = (head) => [head.number ? "number" : "", head.wide ? "wide" : ""].filter(Boolean).join(" ");
  const line = html("tr", "", { role: "row" });
  line.append(...heads.map((head) => html("th", head.title, { scope: "col", role: "columnheader", class: kind(head) })));
  const top = html("thead", line, { role: "rowgroup" }), body = html("tbody", "", { role: "rowgroup" });
  made.append(top, body);
  const named = heads.findIndex((head) => !head.number); // the column that a screen reader names a row by
  home.replaceChildren(made, further(rows, shown, (cells) => {
    const row = html("tr", "", { role: "row" });
    row.append(...cells.map((cell, n) => html("td", cell, { role: n === named ? "rowheader" : "cell", class: kind(heads[n]), "data-head": heads[n].title })));
    body.append(row);
  }));
}

function further(rows, shown, show) {
  // Shows the first rows, and gives the button that shows more.
  let next = 0;
  const button = html("button", "", { type: "button", class: "further" });
  const fill = (count) => {
    rows.slice(next, next + count).forEach(show);
    next += count;
    button.hidden = next >= rows.length;
    button.textContent = `${Math.min(MORE, rows.length - next)} more of ${rows.length}`;
  };
  fill(shown);
  button.addEventListener("click", () => fill(MORE));
  return button;
}

function fold(made) {
  // A table that stands in the page already, behind its first ten rows.
  const rows = [...made.tBodies[0].rows];
  for (const row of rows) row.hidden = true;
  made.after(further(rows, 10, (row) => { row.hidden = false; }));
}

function textTable(home, title, ask) {
  // A folded table: `ask` gives its note, heads and rows to a function, now or later.
  const part = html("details", html("summary", html("h2", title)), { class: "part", id: title });
  const fill = ({ note, heads, rows, names }) => {
    if (part.childElementCount > 1) return;
    const inner = html("div");
    part.append(html("p", note, { class: "note" }), inner);
    if (rows.length) table(inner, heads.map((head, n) => ({ title: head, number: n >= names })), rows, { label: title, stack: true });
  };
  part.addEventListener("toggle", () => { if (part.open && part.childElementCount === 1) ask(fill); });
  home.append(part);
}
