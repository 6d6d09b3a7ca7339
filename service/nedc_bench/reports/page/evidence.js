// The evidence section: figures with their intervals, all recordings and by subgroup, and the acceptance limits.

const evidence = page.evidence;
const METHODS = { wilson: "Wilson", clopper_pearson: "Clopper–Pearson" };

function showLimits() {
  if (!evidence) return;
  const { method, limits } = evidence;
  byId("evidence").hidden = false;
  byId("evidence-method").textContent = `${readable(100 * method.level)} % confidence intervals: BCa bootstrap of `
    + `${plural(method.subjects, "subject")}, ${plural(method.replicates, "replicate")}, seed ${method.seed}; in brackets `
    + `${METHODS[method.proportions]}, which assumes independent events. evidence.json has all figures.`;
  byId("evidence-cautions").replaceChildren(...method.cautions.map((caution) => element("li", {}, caution)));
  byId("evidence-cautions").hidden = !method.cautions.length;
  if (!limits.length) return;
  const rows = limits.flatMap(({ limit, compared: name, checks }) => checks.map(({ group, value, met }) =>
    [limit, name, group || "all recordings", figure(value), element("span", { class: `mark ${met ? "hit" : "miss"}` }, met ? "met" : "not met")]));
  showTable("limits-table", table(evidence.accepted ? "Every acceptance limit is met" : "Not every acceptance limit is met",
    ["Limit", "Compared", "Group", { number: "Value" }, "Outcome"], rows));
}

function interval(own, digits) {
  const proportion = own[evidence.method.proportions];
  const range = (bounds) => bounds.map((bound) => readable(bound, digits)).join(" to ");
  return element("span", { title: own.note ?? null }, figure(own.estimate, digits),
    element("span", { class: "interval" }, own.bca ? range(own.bca) : "no interval"),
    proportion ? element("span", { class: "interval" }, `[${range(proportion)}]`) : null);
}

function showEvidence(label, shown) {
  if (!evidence) return;
  const groups = [["all recordings", evidence.overall], ...Object.values(evidence.subgroups).flatMap(Object.entries)];
  const rows = groups.flatMap(([name, group]) => shown.filter((algorithm) => group.algorithms[algorithm]?.[label]?.sensitivity).map((algorithm) =>
    [name, figure(group.subjects), algorithm, ...FIGURES.map(([key, , , digits]) => interval(group.algorithms[algorithm][label][key], digits))]));
  byId("evidence-table").replaceChildren();
  if (rows.length) showTable("evidence-table", table(`Class ${label} with confidence intervals`,
    ["Group", { number: "Subjects" }, "Algorithm", ...FIGURES.map(([, text]) => text)], rows));
}
