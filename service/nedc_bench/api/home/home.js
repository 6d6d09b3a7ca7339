// The page: choose files, algorithms and options, watch the job, see the report.
"use strict";

const byId = (id) => document.getElementById(id);
const known = JSON.parse(document.body.dataset.known);
const api = new Api();
const chosen = { reference: [], hypothesis: [], archive: [] };
let cancel = () => {}; // cancels the running evaluation

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const plural = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

// -- choosing files

function choose(side, files) {
  const kept = side === "archive" ? files.slice(0, 1) : annotations(files, known);
  chosen[side] = kept;
  if (kept.length) for (const other of side === "archive" ? ["reference", "hypothesis"] : ["archive"]) chosen[other] = [];
  const left = files.length - kept.length;
  for (const zone of document.querySelectorAll(".zone")) show(zone, zone.dataset.side === side ? left : 0);
}

function show(zone, left) {
  const files = chosen[zone.dataset.side];
  const text = zone.querySelector(".chosen");
  text.dataset.empty ??= text.textContent;
  zone.classList.toggle("full", files.length > 0);
  const name = files.length === 1 ? files[0].path : `${files.length} annotation files`;
  const passedOver = left ? `, ${plural(left, "other file")} left out` : "";
  text.textContent = files.length ? name + passedOver : left ? `No annotation among ${plural(left, "file")}` : text.dataset.empty;
}

for (const zone of document.querySelectorAll(".zone")) {
  const { side } = zone.dataset;
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    zone.classList.remove("over");
    choose(side, await dropped(event.dataTransfer));
  });
  zone.addEventListener("change", ({ target }) => { choose(side, picked(target)); target.value = ""; });
}
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault()); // beside a zone

async function formOf() {
  const form = new FormData();
  const { reference, hypothesis, archive } = chosen;
  if (archive.length) {
    form.append("archive", archive[0].file, archive[0].path);
  } else if (reference.length === 1 && hypothesis.length === 1) {
    form.append("reference", reference[0].file, reference[0].path);
    form.append("hypothesis", hypothesis[0].file, hypothesis[0].path);
  } else if (reference.length && hypothesis.length) { // the service pairs them
    const below = (folder) => ({ path, file }) => ({ path: `${folder}/${path}`, file });
    form.append("archive", await tarOf([...reference.map(below("ref")), ...hypothesis.map(below("hyp"))]), "folders.tar");
  } else {
    throw new Refused({ title: "Something is missing", detail: "Choose a reference and a hypothesis, or an archive of both." });
  }
  const algorithms = [...document.querySelectorAll("#algorithms input:checked")].map(({ value }) => value);
  if (!algorithms.length) throw new Refused({ title: "Something is missing", detail: "Choose an algorithm." });
  for (const name of algorithms) form.append("algorithms", name);
  const [parameters] = byId("parameters").files;
  if (parameters) form.append("parameters", parameters, parameters.name);
  for (const name of Object.keys(OPTIONS)) {
    const { type, checked, value } = byId(name);
    if ((type === "checkbox" ? checked : value) && (form.has("archive") || !OF_ARCHIVES.includes(name))) form.append(name, type === "checkbox" ? "true" : value);
  }
  return form;
}

// -- options

const OPTIONS = { // fields of the form, and what they are called here
  labels: "Label set", channels: "Per-channel events", missing: "Missing hypotheses", pattern: "Hypothesis names, such as {id}_pred",
  duration_tolerance: "Tolerance of durations (s)", strict: "Treat warnings as errors", per_pair: "Figures of each pair",
  evidence: "Confidence intervals", seed: "Seed", replicates: "Replicates",
};
const OF_ARCHIVES = ["missing", "pattern"];

/** The control of a field, as the API's document describes it. */
function option(name, { type, enum: words, default: usual, minimum, maximum, description }) {
  const own = { id: name, title: description ?? "" };
  if (words?.includes("true")) return element("label", {}, element("input", { type: "checkbox", ...own }), OPTIONS[name]);
  const shown = words && [...(usual ? [] : [["", "as in the parameter file"]]), ...words.map((word) => [word, word])];
  const range = type === "string" ? { type: "text" } : { type: "number", step: type === "integer" ? 1 : "any", min: minimum, max: maximum ?? "", placeholder: usual ?? 0 };
  const control = words ? element("select", own, ...shown.map(([value, text]) => element("option", { value }, text))) : element("input", { ...range, ...own });
  return element("label", {}, OPTIONS[name], control);
}

// -- following the job

async function score() {
  showProblem(null);
  byId("score").disabled = true;
  api.token = byId("token").value.trim();
  try {
    const form = await formOf();
    byId("running").hidden = false;
    tell({ status: "sending" });
    const job = await evaluate(form);
    if (job?.status === "failed") throw new Refused(job.error);
    if (job) await showAnswer(job);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    showProblem(error.problem);
  } finally {
    cancel = () => {};
    byId("running").hidden = true;
    byId("score").disabled = false;
  }
}

/** The ended job, or null where it was cancelled. */
async function evaluate(form) {
  const cancelled = new AbortController();
  cancel = () => cancelled.abort();
  const { job_id: id } = await api.submit(form);
  const job = cancelled.signal.aborted ? null : await api.watch(id, tell, cancelled.signal);
  if (!job) await api.remove(id);
  return job;
}

function tell({ status, progress }) {
  const words = { sending: "Sending the files", pending: "Waiting for its turn", running: "Scoring" };
  const bar = byId("progress");
  const counted = status === "running" && progress.total > 1;
  if (counted) [bar.max, bar.value] = [progress.total, progress.done];
  else bar.removeAttribute("value");
  byId("state").textContent = (words[status] ?? "Fetching the result") + (counted ? `: ${progress.done} of ${plural(progress.total, "pair")}` : "");
}

function detailOf(problem) {
  if (problem.status !== 401) return problem.detail ?? "";
  return api.token ? "The service does not know this token." : "Enter yours below.";
}

function showProblem(problem) {
  const place = byId("problem");
  place.replaceChildren();
  if (!problem) return;
  place.append(element("p", {}, element("strong", {}, problem.title ?? "Refused"), ` ${detailOf(problem)}`));
  const faults = (problem.errors ?? []).map(({ side, file, line, reason }) =>
    element("li", {}, [[side, file, line ? `line ${line}` : ""].filter(Boolean).join(", "), reason].filter(Boolean).join(": ")));
  if (faults.length) place.append(element("ul", {}, ...faults));
  if (problem.status === 401) {
    byId("access").hidden = false;
    byId("token").focus();
  } else {
    place.focus();
  }
}

async function showAnswer(job) {
  const names = Object.entries(known.reports).filter(([algorithm]) => !algorithm || algorithm in job.result.algorithms).map(([, name]) => name);
  const report = await api.report(job.job_id, known.page);
  const buttons = [known.page, ...names].map((name) => downloadButton(name, () => api.report(job.job_id, name)));
  const result = new Blob([`${JSON.stringify(job.result)}\n`], { type: "application/json" });
  byId("downloads").replaceChildren(...buttons, downloadButton("result.json", async () => result));
  byId("report").srcdoc = await report.text();
  for (const part of [document.querySelector("header"), byId("asking")]) part.hidden = true;
  byId("answer").hidden = false;
  byId("again").focus();
}

function downloadButton(name, content) {
  const button = element("button", { type: "button" }, name);
  button.addEventListener("click", async () => {
    const link = element("a", { href: URL.createObjectURL(await content()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
  return button;
}

function again() {
  byId("answer").hidden = true;
  byId("report").removeAttribute("srcdoc");
  for (const part of [document.querySelector("header"), byId("asking")]) part.hidden = false;
  document.querySelector(".pick input").focus();
}

async function start() {
  byId("form").addEventListener("submit", (event) => { event.preventDefault(); score(); });
  byId("cancel").addEventListener("click", () => cancel());
  byId("again").addEventListener("click", again);
  try {
    const { parts, algorithms, needsToken } = await api.description();
    byId("options").append(...Object.keys(OPTIONS).map((name) => option(name, parts[name])));
    byId("access").hidden = !needsToken;
    byId("algorithms").append(...algorithms.map((name) => {
      const box = element("input", { type: "checkbox", value: name });
      box.checked = true;
      return element("label", {}, box, name);
    }));
  } catch (error) {
    showProblem(error.problem ?? { detail: String(error) });
  }
}

start();
