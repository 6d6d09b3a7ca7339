// Operating curves: the highest sensitivity within each rate of false alarms, by algorithm.

const CURVE = { width: 640, height: 320, left: 56, right: 16, top: 12, bottom: 48, most: 12, ticks: [0, 2.5, 5, 7.5, 10] };

/** Steps through the points, from no false alarm to the right edge. */
function curvePath(front) {
  const x = (rate) => CURVE.left + (Math.min(rate, CURVE.most) / CURVE.most) * (CURVE.width - CURVE.left - CURVE.right);
  const y = (sensitivity) => CURVE.top + (1 - sensitivity) * (CURVE.height - CURVE.top - CURVE.bottom);
  const within = front.filter(({ false_alarms_per_24h: rate }) => rate <= CURVE.most);
  const steps = within.map(({ false_alarms_per_24h: rate, sensitivity }) => `H${x(rate)}V${y(sensitivity)}`);
  return { x, y, path: [`M${x(0)} ${y(0)}`, ...steps, `H${x(CURVE.most)}`].join("") };
}

function drawCurves(curves) {
  const { x, y } = curvePath([]);
  const axis = (name, attributes, text) => drawn(name, attributes, text ?? null);
  const grid = [
    ...CURVE.ticks.flatMap((rate) => [axis("line", { class: "grid", x1: x(rate), x2: x(rate), y1: y(0), y2: y(1) }),
      axis("text", { class: "tick", x: x(rate), y: y(0) + 18, "text-anchor": "middle" }, String(rate))]),
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((part) => [axis("line", { class: "grid", x1: x(0), x2: x(CURVE.most), y1: y(part), y2: y(part) }),
      axis("text", { class: "tick", x: x(0) - 8, y: y(part) + 4, "text-anchor": "end" }, String(part))]),
    axis("text", { class: "tick", x: x(CURVE.most / 2), y: CURVE.height - 8, "text-anchor": "middle" }, "False alarms in 24 hours"),
  ];
  const lines = curves.map((curve, k) => drawn("path", { class: `curve curve-${k}`, d: curvePath(curve.front).path, "data-algorithm": curve.algorithm }));
  const said = curves.map(({ algorithm, at }) => `${algorithm}: ${at.map(({ allowed, sensitivity }) =>
    `${sensitivity === null ? "none" : readable(sensitivity, 2)} within ${allowed}`).join(", ")}`).join("; ");
  return drawn("svg", { viewBox: `0 0 ${CURVE.width} ${CURVE.height}`, role: "img", "aria-labelledby": "curve-title curve-said" },
    drawn("title", { id: "curve-title" }, "Sensitivity over false alarms in 24 hours"), drawn("desc", { id: "curve-said" }, said), ...grid, ...lines);
}

/** The section is there when the confidences of the hypotheses differ, and a curve was asked for. */
function showCurves() {
  const curves = (page.curves ?? []).filter(({ label }) => label === chosen.label);
  byId("curves").hidden = !curves.length;
  if (!curves.length) return;
  const legend = curves.map(({ algorithm }, k) => element("li", {}, drawn("svg", { viewBox: "0 0 26 14", "aria-hidden": "true" },
    drawn("line", { class: `curve curve-${k}`, x1: 1, x2: 25, y1: 7, y2: 7 })), algorithm));
  byId("curve-picture").replaceChildren(drawCurves(curves), element("ul", { class: "legend", "aria-label": "Curves" }, ...legend));
  const rows = curves.flatMap(({ algorithm, at }) => at.map((point) => ({ attributes: { "data-algorithm": algorithm, "data-allowed": point.allowed },
    cells: [`${algorithm}, at most ${point.allowed}`, figure(point.sensitivity), figure(point.false_alarms_per_24h, 2), figure(point.precision), figure(point.threshold)] })));
  showTable("curve-table", table(`Best threshold within a rate of false alarms, class ${chosen.label}`,
    ["False alarms / 24 h", ...["Sensitivity", "FA / 24 h", "Precision", "Threshold"].map((number) => ({ number }))], rows));
  byId("curve-areas").replaceChildren(...curves.flatMap(({ algorithm, auc }, k) => [k ? "; " : "Area under the curve, 0 to 10 false alarms in 24 hours: ",
    `${algorithm} `, figure(auc)]));
}
