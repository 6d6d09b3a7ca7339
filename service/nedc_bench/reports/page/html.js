// Creating elements, and formatting figures and times.

function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const byId = (id) => document.getElementById(id);

/** A figure, rounded for reading; its exact value is in the element's `value`. */
function figure(value, digits = 4, sign = false) {
  if (value === null || value === undefined) return element("span", { class: "none" }, "–");
  return element("data", { value: String(value) }, readable(value, digits, sign));
}

function readable(value, digits = 4, sign = false) {
  const rounded = Number.isInteger(value) ? String(value) : value.toFixed(digits);
  const negative = rounded.startsWith("-");
  if (negative) return `−${rounded.slice(1)}`;
  return sign && Number(rounded) > 0 ? `+${rounded}` : rounded;
}

/** Seconds as h:mm:ss, with as many decimals as asked for. */
function clock(seconds, decimals = 0) {
  const scale = 10 ** decimals;
  const whole = Math.round(Math.abs(seconds) * scale);
  const left = whole % (60 * scale);
  const minutes = Math.floor(whole / (60 * scale));
  const rest = (left / scale).toFixed(decimals).padStart(decimals ? decimals + 3 : 2, "0");
  return `${seconds < 0 ? "−" : ""}${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

const plural = (number, word, words = `${word}s`) => `${readable(number)} ${number === 1 ? word : words}`;

/** A table; cells that hold a figure are aligned to the right. */
function table(caption, headings, rows, foot = null) {
  const cell = (kind, content) => {
    const isNumber = content instanceof HTMLDataElement || content?.classList?.contains("none");
    return element(kind, { class: isNumber ? "number" : null }, content);
  };
  const body = rows.map((row) => line("td", row));
  function line(kind, row) {
    const cells = row.cells ?? row;
    return element("tr", row.attributes ?? {}, ...cells.map((content, k) =>
      k === 0 ? element("th", { scope: "row" }, content) : cell(kind, content)));
  }
  const head = headings.map((heading) => typeof heading === "string"
    ? element("th", { scope: "col" }, heading)
    : element("th", { scope: "col", class: "number" }, heading.number));
  return element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body), foot && element("tfoot", {}, line("td", foot)));
}

/** Put a table where it can be scrolled sideways, also with the keyboard. */
function showTable(id, made) {
  const place = byId(id);
  place.replaceChildren(made);
  place.tabIndex = 0;
  place.setAttribute("role", "region");
  place.setAttribute("aria-label", made.caption.textContent);
}

const CLASS_OF = { hit: "hit", miss: "miss", "false alarm": "alarm", partial: "partial", uncounted: "uncounted" };
const classOf = (verdict) => (verdict ? CLASS_OF[page.verdicts[verdict[VERDICT]]] : "unjudged");

/** A verdict in words: "partial, 0.62: coverage". */
function told(verdict) {
  if (!verdict) return element("span", { class: "none" }, "not judged");
  const name = page.verdicts[verdict[VERDICT]];
  const share = name === "partial" ? ` ${readable(verdict[SHARE], 2)}` : "";
  return element("span", {}, element("span", { class: `mark ${CLASS_OF[name]}` }, name + share),
    `: ${page.rules[verdict[RULE]][0]}`);
}
