// The shown recording: its timeline, the selected event, and the events in view.

const MOST_ROWS = 200; // in the table of events

class Viewer {
  /** @param browse called with -1 or 1 for the previous or next recording */
  constructor(browse) {
    this.browse = browse;
    this.box = byId("timeline");
    this.shown = null;
    this.marked = null;
    this.pointers = new Map();
    new ResizeObserver(() => this.draw()).observe(this.box);
    document.querySelector(".tools").addEventListener("click", (event) => {
      const act = event.target.dataset.act;
      if (act) this.act(act);
    });
    this.box.addEventListener("keydown", (event) => this.pressed(event));
    this.box.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    this.box.addEventListener("pointerdown", (event) => this.touched(event));
    this.box.addEventListener("pointermove", (event) => this.moved(event));
    for (const end of ["pointerup", "pointercancel"]) this.box.addEventListener(end, (event) => this.released(event));
  }

  /** @param shown {recording, label, first, second, algorithms}, or null */
  show(shown) {
    const same = shown && this.shown?.recording === shown.recording;
    this.shown = shown;
    byId("recording").hidden = !shown;
    if (!shown) return;
    const { recording } = shown;
    if (!same) this.view = new View(recording.duration);
    const keep = same && this.marked;
    this.events = [...recording.judgedEvents(shown.label, shown.first, shown.second)];
    this.inTime = [...this.events].sort((one, other) => one.start - other.start || one.side - other.side);
    this.marked = keep ? this.events.find(({ side, event }) => side === keep.side && event === keep.event) ?? null : null;
    byId("recording-name").textContent = recording.name;
    byId("recording-facts").textContent = `hypothesis ${recording.hypothesis} · ${clock(recording.duration)}`;
    this.box.setAttribute("aria-label", `Timeline of ${recording.name}`);
    this.draw();
    this.tell();
  }

  act(name) {
    const acts = {
      in: () => this.view.zoom(0.5, this.middle()),
      out: () => this.view.zoom(2, this.middle()),
      all: () => this.view.all(),
      left: () => this.view.move(-(this.view.to - this.view.from) / 5),
      right: () => this.view.move((this.view.to - this.view.from) / 5),
      next: () => this.step(1, () => true),
      previous: () => this.step(-1, () => true),
      differing: () => this.step(1, ({ verdicts }) => countedDifferently(verdicts)),
    };
    acts[name]();
    this.draw();
  }

  /** Around what to zoom: the marked event where it is in view. */
  middle() {
    const { from, to } = this.view;
    const at = this.marked ? (this.marked.start + this.marked.stop) / 2 : NaN;
    return at >= from && at <= to ? at : (from + to) / 2;
  }

  /** Go to the next event that passes, round and round. */
  step(by, passes) {
    const count = this.inTime.length;
    const at = this.marked ? this.inTime.indexOf(this.marked) : by > 0 ? -1 : count;
    for (let k = 1; k <= count; k++) {
      const event = this.inTime[(((at + k * by) % count) + count) % count];
      if (passes(event)) return this.mark(event);
    }
    return undefined;
  }

  mark(event) {
    this.marked = event;
    this.view.reveal(event);
    this.tell();
  }

  pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const keys = { "+": "in", "=": "in", "-": "out", 0: "all", ArrowLeft: "left", ArrowRight: "right", n: "next", p: "previous", d: "differing" };
    const turns = { PageDown: 1, PageUp: -1 };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key in keys) this.act(keys[key]);
    else if (key in turns) this.browse(turns[key]);
    else return;
    event.preventDefault();
  }

  wheeled(event) {
    if (event.ctrlKey) this.view.zoom(Math.exp(event.deltaY / 200), this.timeAt(event.clientX));
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.view.move((event.deltaX || event.deltaY) * this.secondsPerPixel());
    else return;
    event.preventDefault();
    this.draw();
  }

  touched(event) {
    this.pointers.set(event.pointerId, { x: event.clientX, travelled: 0 });
    this.pressedOn = event.target.closest("[data-event]");
    this.box.setPointerCapture(event.pointerId);
  }

  /** One finger moves the view, two zoom it. */
  moved(event) {
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    const by = event.clientX - pointer.x;
    if (this.pointers.size === 1) {
      this.view.move(-by * this.secondsPerPixel());
    } else {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const [before, after] = [pointer.x, event.clientX].map((x) => Math.max(10, Math.abs(x - other.x)));
      this.view.zoom(before / after, this.timeAt(other.x));
    }
    pointer.travelled += Math.abs(by);
    pointer.x = event.clientX;
    this.draw();
  }

  released(event) {
    const pointer = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    if (event.type !== "pointerup" || !pointer || pointer.travelled > 4 || !this.pressedOn) return;
    const { side, event: index } = this.pressedOn.dataset;
    this.marked = this.events.find((found) => found.side === Number(side) && found.event === Number(index));
    this.tell();
    this.draw();
  }

  secondsPerPixel() {
    return (this.view.to - this.view.from) / Math.max(1, this.box.clientWidth - 2 * MARGIN);
  }

  timeAt(x) {
    return this.view.from + (x - this.box.getBoundingClientRect().left - MARGIN) * this.secondsPerPixel();
  }

  draw() {
    if (!this.shown || !this.box.clientWidth) return;
    this.box.replaceChildren(drawTimeline(this.shown, this.view, this.box.clientWidth, this.marked));
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(() => this.listEvents());
  }

  /** What the algorithms say of the marked event, and why. */
  tell() {
    const place = byId("event");
    const { marked, shown } = this;
    if (!marked) {
      const count = this.events.length;
      place.replaceChildren(element("p", { class: "none" }, count
        ? `${plural(count, "event")} of class ${shown.label}. Choose one on the timeline, or with N and P.`
        : `No event of class ${shown.label}.`));
      return;
    }
    const rows = shown.algorithms.flatMap((algorithm, which) => {
      const verdict = marked.verdicts[which];
      const notes = verdict ? [page.rules[verdict[RULE]][1], ...this.consequences(marked, verdict)] : [];
      return [element("dt", {}, algorithm), element("dd", {}, told(verdict), element("span", { class: "sentence" }, notes.join(" ")))];
    });
    place.replaceChildren(
      element("h4", {}, `${SIDES[marked.side]}: ${clock(marked.start, 1)} to ${clock(marked.stop, 1)} (${readable(marked.stop - marked.start, 1)} s)`),
      element("dl", {}, ...rows));
  }

  *consequences(event, verdict) {
    const words = [["hit"], ["false alarm"], ["miss", "misses"]];
    const parts = added(verdict).map((count, k) => (count ? plural(count, ...words[k]) : "")).filter(Boolean);
    yield parts.length ? `Counts ${parts.join(", ")}.` : "Counts nothing.";
    const others = this.shown.recording.events[1 - event.side];
    const partners = verdict.slice(PARTNERS).map((partner) => clock(others[partner][0], 1));
    if (partners.length) {
      const more = partners.length > 5 ? ` and ${partners.length - 5} more` : "";
      yield `Decided by ${SIDES[1 - event.side].toLowerCase()} at ${partners.slice(0, 5).join(", ")}${more}.`;
    }
  }

  listEvents() {
    const { shown, view } = this;
    const inView = this.inTime.filter(({ start, stop }) => stop >= view.from && start <= view.to);
    const rows = inView.slice(0, MOST_ROWS).map((event) => ({
      attributes: { class: event === this.marked ? "chosen" : null },
      cells: [element("button", { type: "button", class: "link", onclick: () => { this.mark(event); this.draw(); } },
        `${SIDES[event.side]} ${clock(event.start, 1)}`), clock(event.stop, 1),
      ...shown.algorithms.map((_, which) => told(event.verdicts[which]))],
    }));
    const more = inView.length > MOST_ROWS ? `, the first ${MOST_ROWS} of them; zoom in for the others` : "";
    showTable("events", table(`${plural(inView.length, "event")} in view${more}`, ["Event", "Until", ...shown.algorithms], rows));
  }
}
