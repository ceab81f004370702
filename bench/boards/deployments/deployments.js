// Deployments: the one that is chosen, and its three figures.
function drawDeployment() {
  const chosen = Number(byId("deployment").value), section = page.deployments[chosen];
  for (const part of document.querySelectorAll("[data-deployment]")) part.hidden = Number(part.dataset.deployment) !== chosen;
  const colour = (n) => COLOURS[n % COLOURS.length], shape = (n) => SHAPES[(n + Math.floor(n / COLOURS.length)) % SHAPES.length];
  const named = (policy) => policy.policy + (policy.bound ? " (bound)" : "");
  const time = { title: "mean time to the answer", unit: "s", log: true };
  const height = innerWidth < 600 ? 300 : 360;
  const answered = section.policies.map((policy, n) => [policy, n]).filter(([policy]) => policy.mean && policy.mean[0] > 0);
  if (answered.length) {
    const plot = new Plot(byId("deployment-pareto"), "Accuracy against time", time, { title: "top-1 accuracy", unit: "share" }, answered.map(([p]) => [p.mean[0], p.accuracy[0]]), height);
    for (const [policy, n] of answered) {
      plot.bar(policy.mean[0], policy.accuracy[0], [policy.mean[1], policy.accuracy[1]], colour(n));
      const joules = policy.joules === null ? "" : `\n${shown(policy.joules, "J")} of the device a request`;
      plot.mark(policy.mean[0], policy.accuracy[0], shape(n), colour(n), `${named(policy)}\n${shown(policy.mean[0], "s")}, ${shown(policy.accuracy[0], "share")}${joules}\n${counted(section.seeds, "seed")}`, section.ranked ? "" : "unranked");
    }
  }
  const lines = (id, title, x, y, points) => {
    const values = section.policies.flatMap(points);
    if (!values.length) return;
    const plot = new Plot(byId(id), title, x, y, values, height);
    section.policies.forEach((policy, n) => plot.path(points(policy), { class: policy.bound ? "path bound" : "path", stroke: colour(n) }));
  };
  lines("deployment-distribution", "Distribution of times to the answer", { title: "time to the answer", unit: "s", log: true }, { title: "answered within", unit: "share" },
    (policy) => policy.quantiles.map((value, n) => [value, n / 100]).filter(([value]) => value > 0));
  lines("deployment-timeline", "Time to the answer as time goes on", { title: "time", unit: "s" }, { ...time, log: true },
    (policy) => policy.timeline.map((value, n) => [(n + 0.5) / policy.timeline.length * section.seconds, value]).filter(([, value]) => value > 0));
  byId("deployment-legend").replaceChildren(...section.policies.map((policy, n) => entry(shape(n), colour(n), named(policy))));
}

function chooseDeployment() {
  // The one that the address names, or the first.
  byId("deployment").value = Math.max(0, page.deployments.findIndex((one) => one.name === state.deployment));
  drawDeployment();
}

if (page.deployments) {
  byId("deployment-controls").hidden = false;
  byId("deployment-figures").hidden = false;
  byId("deployment-controls").addEventListener("submit", (event) => event.preventDefault());
  byId("deployment").addEventListener("input", () => { change("deployment", page.deployments[byId("deployment").value].name); drawDeployment(); });
  addEventListener("hashchange", chooseDeployment);
  byId("deployments").addEventListener("toggle", () => { if (byId("deployments").open) drawDeployment(); });
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width && byId("deployments").open) { width = innerWidth; drawDeployment(); } });
  chooseDeployment();
}
