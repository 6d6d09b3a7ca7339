// The data of the page: the result document, and the verdicts of each algorithm.

const page = JSON.parse(document.getElementById("data").textContent);
const result = page.result;
const algorithms = Object.keys(result.algorithms);
const [REFERENCE, HYPOTHESIS] = [0, 1];
const SIDES = ["Reference", "Hypothesis"];
const UNITS = { dp: "events", overlap: "events", taes: "fractions", "szcore-event": "events" }; // others: samples

// A verdict is [verdict, rule, share, hits, misses, false alarms, partner, partner ...]; 0 for none.
const VERDICT = 0, RULE = 1, SHARE = 2, ADDED = 3, PARTNERS = 6;

class Recording {
  constructor(number) {
    const [duration, events, judged] = page.recordings[number];
    Object.assign(this, { number, duration, events, judged });
    this.name = result.inputs[number].reference.name;
    this.hypothesis = result.inputs[number].hypothesis.name;
  }

  /** The events of a class, the reference's before the hypothesis', with the verdicts of two algorithms. */
  *judgedEvents(label, first, second) {
    const wanted = page.classes.indexOf(label);
    for (const side of [REFERENCE, HYPOTHESIS]) {
      const events = this.events[side];
      for (let event = 0; event < events.length; event++) {
        const [start, stop, own] = events[event];
        if (own !== wanted) continue;
        const verdicts = [first, second].map((algorithm) => this.judged[algorithm][side][event] || null);
        yield { side, event, start, stop, verdicts };
      }
    }
  }
}

/** What a verdict adds to TP, FP and FN, the order of every table. */
function added(verdict) {
  if (!verdict) return [0, 0, 0];
  const [hits, misses, falseAlarms] = verdict.slice(ADDED, PARTNERS);
  return [hits, falseAlarms, misses];
}

/** Whether two verdicts add different counts. */
const countedDifferently = ([first, second]) => {
  const other = added(second);
  return added(first).some((count, k) => count !== other[k]);
};

const recordings = page.recordings.map((_, number) => new Recording(number));

/** Files are called without their folders, where that is enough to tell them apart. */
function shortenNames() {
  const short = recordings.map(({ name }) => name.split(/[/\\]/).pop());
  const areEnough = new Set(short).size === short.length;
  recordings.forEach((recording, k) => { recording.shortName = areEnough ? short[k] : recording.name; });
}
shortenNames();

/** For each recording its counts by either algorithm, and how many of its events the two count differently. */
function summarise(label, first, second) {
  return recordings.map((recording) => {
    const counts = [[0, 0, 0], [0, 0, 0]];
    let differing = 0;
    for (const { verdicts } of recording.judgedEvents(label, first, second)) {
      verdicts.forEach((verdict, which) => added(verdict).forEach((count, k) => { counts[which][k] += count; }));
      if (countedDifferently(verdicts)) differing++;
    }
    return { recording, counts, differing };
  });
}

/** The differences between two algorithms by side and rules: how many events, and what the second counts more. */
function differences(label, first, second) {
  const found = new Map();
  for (const recording of recordings) {
    for (const { side, verdicts } of recording.judgedEvents(label, first, second)) {
      if (!countedDifferently(verdicts)) continue;
      const rules = verdicts.map((verdict) => (verdict ? verdict[RULE] : null));
      const key = [side, ...rules].join();
      if (!found.has(key)) found.set(key, { key, side, rules, events: 0, more: [0, 0, 0], recordings: new Set() });
      const difference = found.get(key);
      const before = added(verdicts[0]);
      added(verdicts[1]).forEach((count, k) => { difference.more[k] += count - before[k]; });
      difference.events++;
      difference.recordings.add(recording.number);
    }
  }
  return [...found.values()].sort((one, other) => other.events - one.events);
}
