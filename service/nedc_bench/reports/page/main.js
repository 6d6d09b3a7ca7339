// The page: the user's choices, the tables, and the interplay of the parts.

// name in the result document, heading, short heading, decimals
const FIGURES = [["sensitivity", "Sensitivity", "Sensitivity", 4], ["precision", "Precision", "Precision", 4],
  ["f1", "F1 score", "F1", 4], ["false_alarms_per_24h", "False alarms / 24 h", "FA / 24 h", 2]];
const OUTCOMES = [["tp", "Hits", "TP", 2], ["fp", "False alarms", "FP", 2], ["fn", "Misses", "FN", 2]];
const MOST_PRINTED = 50;

const labelsOf = (algorithm) => result.algorithms[algorithm].labels ?? {};
const chosen = { first: "", second: "", label: "", rules: null };
let summaries = [];

function compared() {
  return chosen.first === chosen.second ? [chosen.first] : [chosen.first, chosen.second];
}

function options(id, entries, value) {
  byId(id).replaceChildren(...entries.map(([key, text]) => element("option", { value: key, selected: key === value }, text)));
}

function start() {
  const has = (name, otherwise) => (algorithms.includes(name) ? name : otherwise);
  const first = has("overlap", algorithms[0]);
  const second = has("szcore-event", algorithms.find((name) => name !== first && name !== "ira") ?? first);
  const names = algorithms.map((name) => [name, name]);
  options("first", names, first);
  options("second", names, second);
  const events = new Set(recordings.flatMap(({ events: sides }) => sides.flat().map(([, , own]) => page.classes[own])));
  const label = page.classes.find((name) => name !== page.background && events.has(name)) ?? page.classes.find((name) => name !== page.background);
  options("label", page.classes.map((name) => [name, name]), label ?? page.classes[0]);
  byId("what").textContent = `${plural(result.pairs, "recording")}, ${(result.duration_seconds / 3600).toFixed(2)} hours, scored by nedc-bench ${result.version}`;
  byId("choice").addEventListener("change", choose);
  byId("find").addEventListener("change", showList);
  byId("find").addEventListener("submit", (event) => event.preventDefault());
  byId("search").addEventListener("input", showList);
  byId("all").addEventListener("click", () => { chosen.rules = null; showDifferences(); showList(); byId("list").focus(); });
  byId("to-print").addEventListener("click", () => window.print());
  showLegend();
  showDetails();
  showLimits();
  choose();
}

function choose() {
  for (const name of ["first", "second", "label"]) chosen[name] = byId(name).value;
  chosen.rules = null;
  const [first, second] = [chosen.first, chosen.second];
  const sort = byId("sort").value;
  const sorts = [["differing", "events that the two count differently"], ["first", `misses and false alarms of ${first}`],
    ["second", `misses and false alarms of ${second}`], ["name", "name"], ["order", "order of the list"]];
  options("sort", sorts.filter(([key]) => first !== second || !["differing", "second"].includes(key)), sort);
  summaries = summarise(chosen.label, first, second);
  showTotals();
  showCompared();
  showEvidence(chosen.label, compared());
  showCurves();
  showDifferences();
  showList();
}

const figuresOf = (algorithm) => labelsOf(algorithm)[chosen.label] ?? null;

function showTotals() {
  const names = [...OUTCOMES, ...FIGURES];
  const rows = algorithms.filter((name) => name !== "ira").map((name) => {
    const figures = figuresOf(name);
    return { attributes: { class: compared().includes(name) ? "chosen" : null, "data-algorithm": name },
      cells: [name, UNITS[name] ?? "samples", ...names.map(([key, , , digits]) => figure(figures?.[key], digits))] };
  });
  byId("totals-table").replaceChildren();
  if (rows.length) showTable("totals-table", table(`Class ${chosen.label}`, ["Algorithm", "Counts", ...names.map(([, , number]) => ({ number }))], rows));
  showAverages();
  const agreement = result.algorithms.ira;
  byId("kappa").replaceChildren(...(agreement ? ["Inter-rater agreement (ira), kappa: ",
    ...Object.entries(agreement.kappa).flatMap(([label, kappa]) => [`${label} `, figure(kappa), ", "]),
    "all classes ", figure(agreement.multi_class_kappa)] : []));
}

function showAverages() {
  const averaged = algorithms.filter((name) => result.algorithms[name].subjects?.labels[chosen.label]);
  const place = byId("averages");
  place.replaceChildren();
  if (!averaged.length) return;
  const { count } = result.algorithms[averaged[0]].subjects;
  const rows = averaged.map((name) => {
    const rates = result.algorithms[name].subjects.labels[chosen.label];
    return [name, ...FIGURES.map(([key, , , digits]) => {
      const { mean, sd } = rates[key];
      return mean === null ? figure(null) : element("data", { value: String(mean) }, `${readable(mean, digits)} ± ${readable(sd, digits)}`);
    })];
  });
  place.className = "wide";
  showTable("averages", table(`Mean and standard deviation over ${plural(count, "subject")}`,
    ["Algorithm", ...FIGURES.map(([, , number]) => ({ number }))], rows));
}

function showCompared() {
  const [one, other] = [figuresOf(chosen.first), figuresOf(chosen.second)];
  const both = compared();
  const rows = [...FIGURES, ...OUTCOMES].map(([key, text, , digits]) => {
    const [before, after] = [one?.[key] ?? null, other?.[key] ?? null];
    const difference = figure(before === null || after === null ? null : after - before, digits, true);
    const cells = [text, figure(before, digits), figure(after, digits), difference];
    return { attributes: { "data-figure": key }, cells: both.length > 1 ? cells : cells.slice(0, 2) };
  });
  const headings = ["Figure", ...both.map((number) => ({ number })), ...(both.length > 1 ? [{ number: "Difference" }] : [])];
  const made = table(`Class ${chosen.label}, all recordings`, headings, rows);
  for (const row of made.tBodies[0].rows) row.cells[3]?.classList.add("difference");
  showTable("compared-table", made);
}

function rulesOf(difference, which) {
  const rule = difference.rules[which];
  if (rule === null) return element("span", { class: "none" }, "not judged");
  const [name, sentence] = page.rules[rule];
  return element("span", {}, name, element("span", { class: "sentence" }, sentence));
}

function showDifferences() {
  const place = byId("differences-table");
  const note = byId("differences-note");
  if (compared().length < 2) {
    note.textContent = "Choose two algorithms to see why they differ.";
    place.replaceChildren();
    return;
  }
  const found = differences(chosen.label, chosen.first, chosen.second);
  const events = found.reduce((sum, difference) => sum + difference.events, 0);
  if (!events) {
    note.textContent = `${chosen.first} and ${chosen.second} count every event alike.`;
    place.replaceChildren();
    return;
  }
  note.textContent = `${plural(events, "event")} of class ${chosen.label} ${events === 1 ? "is" : "are"} counted differently. `
    + `The last three columns say what ${chosen.second} counts more (+) or less (−) than ${chosen.first}; they add up to the difference of the totals.`;
  const rows = found.map((difference) => ({
    attributes: { class: chosen.rules === difference.key ? "chosen" : null },
    cells: [SIDES[difference.side], rulesOf(difference, 0), rulesOf(difference, 1), figure(difference.events),
      ...difference.more.map((count) => figure(count, 4, true)), showButton(difference)],
  }));
  const total = [0, 1, 2].map((k) => figure(found.reduce((sum, { more }) => sum + more[k], 0), 4, true));
  const headings = ["Events of", `Rule of ${chosen.first}`, `Rule of ${chosen.second}`, ...["Events", ...OUTCOMES.map(([, text]) => text)].map((number) => ({ number })), "Recordings"];
  showTable("differences-table", table(`Events of class ${chosen.label} by the rules that decided`, headings, rows, ["Total", "", "", figure(events), ...total, ""]));
}

function showButton(difference) {
  const count = difference.recordings.size;
  const words = [SIDES[difference.side], ...difference.rules.map((rule) => (rule === null ? "not judged" : page.rules[rule][0]))];
  return element("button", { type: "button", class: "link", "aria-label": `Show ${plural(count, "recording")}: ${words.join(", ")}`,
    onclick: () => {
      chosen.rules = difference.key;
      chosen.among = difference.recordings;
      showDifferences();
      showList();
      byId("recordings").scrollIntoView();
      byId("list").focus({ preventScroll: true });
    } }, `show ${count}`);
}

function showList() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const errors = (which) => ({ counts }) => counts[which][1] + counts[which][2];
  const weights = { differing: ({ differing }) => differing, first: errors(0), second: errors(1) };
  const weight = weights[byId("sort").value];
  const listed = summaries.filter(({ recording }) => (!chosen.rules || chosen.among.has(recording.number))
    && words.every((word) => recording.name.toLowerCase().includes(word)));
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  if (weight) listed.sort((one, other) => weight(other) - weight(one) || errors(0)(other) - errors(0)(one));
  else if (byId("sort").value === "name") listed.sort((one, other) => compare(one.recording.name, other.recording.name));
  byId("all").hidden = !chosen.rules;
  byId("all").textContent = `Show all ${plural(recordings.length, "recording")} again`;
  byId("listed").textContent = `${plural(listed.length, "recording")}${listed.length < recordings.length ? ` of ${recordings.length}` : ""}; hits / false alarms / misses by each algorithm`;
  list.show(listed, compared());
}

function shownOf(recording) {
  return { recording, label: chosen.label, first: chosen.first, second: chosen.second, algorithms: compared() };
}

function showLegend() {
  const words = { hit: "hit", miss: "miss (reference)", "false alarm": "false alarm (hypothesis)", partial: "partial, filled to its share", uncounted: "not counted by itself" };
  byId("legend").append(...page.verdicts.map((name) => element("li", {}, drawn("svg", { viewBox: "0 0 26 14", "aria-hidden": "true" },
    drawn("rect", { x: 1, y: 1, width: 24, height: 12, class: `event ${CLASS_OF[name]}` }),
    name === "partial" ? drawn("rect", { x: 1, y: 7, width: 24, height: 6, class: "share" }) : null), words[name])));
}

function showDetails() {
  const section = (title, ...content) => element("details", {}, element("summary", {}, title), ...content);
  const warned = result.warnings.slice(0, 100).map(({ side, file, line, message }) =>
    element("li", {}, [side, file, line === null ? "" : `line ${line}`].filter(Boolean).join(", "), `: ${message}`));
  if (result.warnings.length > warned.length) warned.push(element("li", {}, `and ${result.warnings.length - warned.length} more in result.json`));
  if (warned.length) byId("details").append(section(plural(result.warnings.length, "warning"), element("ul", {}, ...warned)));
  byId("details").append(
    section("Rules", element("dl", {}, ...page.rules.flatMap(([rule, sentence]) => [element("dt", {}, rule), element("dd", {}, sentence)]))),
    section("Parameters", element("pre", { tabindex: 0, role: "region", "aria-label": "Parameters" }, JSON.stringify(result.parameters, null, 2))));
}

/** Paper cannot be scrolled: the recordings at the head of the list, each as a whole. */
function print() {
  const printed = list.entries.slice(0, MOST_PRINTED);
  const left = list.entries.length - printed.length;
  const pictures = printed.map(({ recording }) => element("article", {}, element("h3", {}, recording.name),
    drawTimeline(shownOf(recording), new View(recording.duration), 700)));
  const legend = element("ul", { class: "legend" }, ...byId("legend").cloneNode(true).children);
  byId("print").replaceChildren(legend, ...pictures, left ? element("p", {}, `${plural(left, "more recording")} not printed.`) : "");
}

const viewer = new Viewer((by) => list.select(list.chosen + by));
const list = new RecordingList((entry) => viewer.show(entry && shownOf(entry.recording)));
addEventListener("beforeprint", print);
addEventListener("afterprint", () => byId("print").replaceChildren());
start();
