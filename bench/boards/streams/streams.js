// Online policies: the network that is chosen, and its two figures.
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

function chooseStream() {
  // The one that the address names, or the first.
  byId("stream").value = Math.max(0, page.streams.findIndex((one) => one.name === state.stream));
  drawStream();
}

if (page.streams) {
  byId("stream-controls").hidden = false;
  byId("stream-figures").hidden = false;
  for (const made of document.querySelectorAll("[data-stream] table")) fold(made);
  byId("stream-controls").addEventListener("submit", (event) => event.preventDefault());
  byId("stream").addEventListener("input", () => { change("stream", page.streams[byId("stream").value].name); drawStream(); });
  addEventListener("hashchange", chooseStream);
  byId("online").addEventListener("toggle", () => { if (byId("online").open) drawStream(); });
  let wide = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== wide && byId("online").open) { wide = innerWidth; drawStream(); } });
  chooseStream();
}
