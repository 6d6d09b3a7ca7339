// The list of recordings. Only visible rows are elements, however many recordings there are.

const ROW = 56;

class RecordingList {
  /** @param choose called with an entry when it is chosen */
  constructor(choose) {
    this.choose = choose;
    this.entries = [];
    this.chosen = -1;
    this.box = byId("list");
    this.rows = byId("rows");
    this.box.addEventListener("scroll", () => this.draw(), { passive: true });
    this.box.addEventListener("keydown", (event) => this.pressed(event));
    this.rows.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.select(Number(row.dataset.index));
    });
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  /** Show other entries; the recording that was chosen stays so where it is among them. */
  show(entries, names) {
    const before = this.entries[this.chosen]?.recording;
    this.entries = entries;
    this.names = names;
    this.rows.style.height = `${entries.length * ROW}px`;
    this.rows.replaceChildren();
    const again = entries.findIndex(({ recording }) => recording === before);
    this.chosen = -1;
    if (entries.length) this.select(Math.max(0, again));
    else this.choose(null);
  }

  select(index) {
    this.chosen = Math.max(0, Math.min(index, this.entries.length - 1));
    const top = this.chosen * ROW;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + ROW - this.box.clientHeight;
    this.draw(true);
    this.choose(this.entries[this.chosen]);
  }

  pressed(event) {
    const inSight = Math.max(1, Math.floor(this.box.clientHeight / ROW));
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: inSight, PageUp: -inSight, Home: -Infinity, End: Infinity };
    if (!(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey || !this.entries.length) return;
    event.preventDefault();
    this.select(this.chosen + moves[event.key]);
  }

  draw(anew = false) {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - 3);
    const last = Math.min(this.entries.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + 3);
    const kept = new Map([...this.rows.children].map((row) => [Number(row.dataset.index), row]));
    const wanted = [];
    for (let index = first; index < last; index++) wanted.push((!anew && kept.get(index)) || this.row(index));
    this.rows.replaceChildren(...wanted);
    this.box.setAttribute("aria-activedescendant", this.chosen >= first && this.chosen < last ? `row-${this.chosen}` : "");
    if (!wanted.length) this.box.removeAttribute("aria-activedescendant");
  }

  row(index) {
    const { recording, counts, differing } = this.entries[index];
    const each = this.names.map((name, which) => `${name} ${counts[which].map((count) => readable(count, 2)).join(" / ")}`);
    const differs = this.names.length > 1 && differing ? `${differing} differ · ` : "";
    const made = element("div", { class: "row", role: "option", id: `row-${index}`, "data-index": index,
      "aria-selected": String(index === this.chosen), "aria-posinset": index + 1, "aria-setsize": this.entries.length,
      title: recording.name },
    element("b", {}, recording.shortName), element("span", {}, differs + each.join(" · ")));
    made.style.top = `${index * ROW}px`;
    return made;
  }
}
