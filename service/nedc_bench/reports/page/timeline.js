// A recording as a timeline: reference and hypothesis, as each of two algorithms judged them.

const LANE = 20, TITLE = 18, GAP = 8, AXIS = 34, MARGIN = 10, SHORTEST_VIEW = 1;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

/**
 * Draw what is between two times.
 *
 * @param shown {recording, label, algorithms} to draw
 * @param view {from, to} in seconds
 * @param width in pixels
 * @param marked the event that is looked at, or null
 */
function drawTimeline(shown, view, width, marked = null) {
  const { recording, label } = shown;
  const scale = (width - 2 * MARGIN) / (view.to - view.from);
  const place = (seconds) => MARGIN + (seconds - view.from) * scale;
  const lanes = shown.algorithms.flatMap((algorithm, which) => [REFERENCE, HYPOTHESIS].map((side) => ({ algorithm, which, side })));
  const height = lanes.length * (LANE + TITLE + GAP) + AXIS;
  const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img",
    "aria-label": `${recording.name}, ${clock(view.from)} to ${clock(view.to)}` });
  const events = [...recording.judgedEvents(label, shown.first, shown.second)];
  lanes.forEach((lane, k) => {
    const top = k * (LANE + TITLE + GAP) + TITLE;
    picture.append(drawn("text", { x: MARGIN, y: top - 6 }, `${SIDES[lane.side]}, ${lane.algorithm}`));
    picture.append(drawn("line", { class: "base", x1: MARGIN, x2: width - MARGIN, y1: top + LANE + 0.5, y2: top + LANE + 0.5 }));
    picture.append(...laneOf(lane, events, view, place, top, marked));
  });
  picture.append(...axis(view, place, height, recording.duration, width));
  return picture;
}

/** The events of a lane that are in view; those that would cover the same pixels in the same way are drawn once. */
function* laneOf(lane, events, view, place, top, marked) {
  let last = "";
  for (const event of events) {
    if (event.side !== lane.side || event.stop < view.from || event.start > view.to) continue;
    const verdict = event.verdicts[lane.which];
    const left = place(Math.max(event.start, view.from)) - (event.start < view.from ? MARGIN : 0);
    const right = place(Math.min(event.stop, view.to)) + (event.stop > view.to ? MARGIN : 0);
    const kind = classOf(verdict);
    const box = { x: left, width: Math.max(2, right - left), y: top, height: LANE };
    const pixels = `${kind} ${Math.round(left)} ${Math.round(left + box.width)}`;
    const isMarked = marked && marked.side === event.side && marked.event === event.event;
    const isPartner = marked && marked.side !== event.side
      && marked.verdicts[lane.which]?.slice(PARTNERS).includes(event.event);
    if (pixels !== last) yield drawn("rect", { ...box, class: `event ${kind}`, "data-side": event.side, "data-event": event.event },
      drawn("title", {}, inWords(event, lane)));
    if (pixels !== last && kind === "partial") {
      const filling = LANE * Math.min(1, Math.max(0, verdict[SHARE]));
      yield drawn("rect", { ...box, y: top + LANE - filling, height: filling, class: "share" });
    }
    if (isMarked || isPartner) {
      yield drawn("rect", { x: left - 3, width: box.width + 6, y: top - 3, height: LANE + 6, rx: 3, class: `ring${isPartner ? " partner" : ""}` });
    }
    last = pixels;
  }
}

function inWords(event, lane) {
  const verdict = event.verdicts[lane.which];
  const judged = verdict ? `${page.verdicts[verdict[VERDICT]]} (${page.rules[verdict[RULE]][0]})` : "not judged";
  return `${clock(event.start, 1)} to ${clock(event.stop, 1)}: ${judged}`;
}

function* axis(view, place, height, duration, width) {
  const most = Math.max(2, Math.floor((width - 2 * MARGIN) / 90));
  const step = STEPS.find((seconds) => (view.to - view.from) / seconds <= most) ?? Math.ceil((view.to - view.from) / most);
  const decimals = step < 1 ? 1 : 0;
  for (let tick = Math.ceil(view.from / step - 1e-9); tick * step <= view.to + 1e-9; tick++) {
    const x = place(tick * step);
    yield drawn("line", { class: "base", x1: x, x2: x, y1: height - AXIS + 2, y2: height - AXIS + 8 });
    const anchor = x < 30 ? "start" : x > width - 30 ? "end" : "middle";
    yield drawn("text", { x, y: height - AXIS + 20, "text-anchor": anchor }, clock(tick * step, decimals));
  }
  const whole = width - 2 * MARGIN;
  yield drawn("rect", { class: "whole", x: MARGIN, width: whole, y: height - 8, height: 4, rx: 2 });
  yield drawn("rect", { class: "window", x: MARGIN + (view.from / duration) * whole, y: height - 8, height: 4, rx: 2,
    width: Math.max(4, ((view.to - view.from) / duration) * whole) });
}

/** What is seen of a recording: some of it, or all. */
class View {
  constructor(duration) {
    this.duration = duration;
    this.all();
  }

  all() {
    [this.from, this.to] = [0, this.duration];
  }

  /** Show `span` seconds, so that `fixed` stays where it is. */
  zoom(factor, fixed = (this.from + this.to) / 2) {
    const span = Math.min(this.duration, Math.max(Math.min(SHORTEST_VIEW, this.duration), (this.to - this.from) * factor));
    const share = (fixed - this.from) / (this.to - this.from);
    this.set(fixed - share * span, span);
  }

  move(seconds) {
    this.set(this.from + seconds, this.to - this.from);
  }

  /** See that an event is in view, with something around it. */
  reveal(event) {
    const length = event.stop - event.start;
    if (event.start >= this.from && event.stop <= this.to && length > (this.to - this.from) / 200) return;
    const span = Math.min(this.duration, Math.max(30, length * 6, Math.min(this.to - this.from, length * 200)));
    this.set((event.start + event.stop) / 2 - span / 2, span);
  }

  set(from, span) {
    this.from = Math.max(0, Math.min(from, this.duration - span));
    this.to = this.from + span;
  }
}
