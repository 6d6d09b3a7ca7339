"""The oracle: a slow, literal, pure-Python reading of the scoring specification.

It checks the fast scorer and shares no code with it. Float sums grow one contribution at a time, in order,
not by `sum`. Counts are integers; those of taes turn into floats with the first partial hit of their class.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

FILLER_LABEL = "bckg"
DEFAULT_MAP: dict[str, list[str]] = {"seiz": ["seiz"], "bckg": ["bckg"]}
COUNTS = ("tgt", "hit", "mis", "fal", "ins", "del", "tp", "tn", "fp", "fn")
FIGURES = ("tpr", "tnr", "ppv", "npv", "fnr", "fpr", "fdr", "for", "acc", "msr", "prv", "f1s", "mcc", "flr")

Table = dict[str, dict[str, float]]  # counts[class][counter], or the confusion matrix sub[ref][hyp]
Pairs = Sequence[tuple[list["Event"], list["Event"]]]
Contributions = list[tuple[str, float, float, float]]  # of (class, hit, miss, false alarm)
Contribute = Callable[[list["Event"], list["Event"]], Contributions]


class Event(NamedTuple):
    """One annotation, times in seconds (the terms at the head of the specification)."""

    start: float
    stop: float
    label: str
    confidence: float = 1.0


@dataclass(frozen=True)
class Options:
    """The parameters of section 6; `label_map` goes from class to annotation labels, in report order."""

    label_map: dict[str, list[str]] = field(default_factory=lambda: dict(DEFAULT_MAP))
    penalty_del: float = 1.0
    penalty_ins: float = 1.0
    penalty_sub: float = 1.0
    epoch_duration: float = 0.25
    epoch_null_class: str = "bckg"
    ira_epoch_duration: float = 0.25


DEFAULT_OPTIONS = Options()


class Refused(Exception):  # noqa: N818  # it is no error of ours
    """Section 8: the original crashes, stops, hangs or gives garbage."""


COLUMNS = "channel,start_time,stop_time,label,confidence"


def split_lines(text: str) -> list[str]:
    """Section 1: a line ends in LF, CR LF or CR, in nothing else; a byte-order mark is no part of the text."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def behind_hash(line: str) -> str | None:
    """Section 8, "read as it is meant": what follows a `#`, blanks and tabs about it left out."""
    line = line.lstrip(" \t")
    return line[1:].lstrip(" \t") if line.startswith("#") else None


def find_versions(lines: Sequence[str]) -> list[str]:
    """Section 1: the first word behind `version`, in lower case, of each version line."""
    tails = [
        line[len(beginning) :]
        for line in lines
        for beginning in ("# version", "version")
        if line.lower().startswith(beginning)
    ]
    if not tails:
        meant = [tail for tail in map(behind_hash, lines) if tail is not None and tail.lower().startswith("version")]
        tails = [tail[len("version") :] for tail in meant]
    return [(tail.replace("=", "").replace('"', "").split() or [""])[0].lower() for tail in tails]


def find_durations(lines: Sequence[str]) -> list[str]:
    """Section 1: what stands behind the first `=` of each duration line (nothing at all: no duration line)."""
    found = []
    for line in lines:
        key, _, value = line[1:].partition("=")
        if line.startswith("#") and key.strip(" ") == "duration" and value:
            found.append(value)
    if not found:
        for line in lines:
            key, equals, value = (behind_hash(line) or "").partition("=")
            if equals and key.strip(" \t") == "duration":
                found.append(value)
    return found


def number(text: str) -> float:
    """Section 1: what Python's `float` reads."""
    try:
        return float(text)
    except ValueError:
        raise Refused(text) from None


def seconds(text: str) -> float:
    """Section 1: the first word of a duration."""
    words = text.split()
    return number(words[0]) if words else math.nan


def find_rows(lines: Sequence[str]) -> list[list[str]]:
    """Section 1: the fields of each line that is not skipped."""
    rows = []
    for line in lines:
        meant = behind_hash(line)
        if meant is not None and (
            meant.lower().startswith("version")
            or (meant.startswith("duration") and meant[len("duration") :].lstrip(" \t").startswith("="))
        ):
            continue
        squeezed = line.replace(" ", "")
        if squeezed.strip("\t") and not squeezed.startswith("#") and COLUMNS not in squeezed:
            rows.append(squeezed.split(","))
    return rows


def read(text: str) -> tuple[float, list[Event]]:
    """Section 1: the duration and the TERM events of a csv_bi text, sorted by (start, stop)."""
    lines = split_lines(text)
    if find_versions(lines)[:1] != ["csv_v1.0.0"]:
        raise Refused("version")
    durations = find_durations(lines)
    duration = seconds(durations[-1]) if durations else math.nan
    if not 0 < duration < math.inf:
        raise Refused("duration")
    rows, events = find_rows(lines), []
    for row in rows:
        if len(row) != 5:
            raise Refused("fields")
        event = Event(number(row[1]), number(row[2]), row[3], number(row[4]))
        if row[0] == "TERM":
            if not math.isfinite(event.start) or not math.isfinite(event.stop) or event.stop < event.start:
                raise Refused("time")
            events.append(event)
    if rows and not events:
        raise Refused("only per-channel events")
    events.sort(key=lambda event: (event.start, event.stop))
    if not events:
        events.append(Event(0.0, duration, FILLER_LABEL, 1.0))
    return duration, events


def find_warnings(text: str) -> set[str]:
    """Section 8: what a person would want to know about a text that is scored."""
    lines = split_lines(text)
    duration, events = read(text)
    versions, durations = find_versions(lines), find_durations(lines)
    named = [k for k, line in enumerate(lines) if COLUMNS in line.replace(" ", "")]
    first_row = next((k for k, line in enumerate(lines) if find_rows([line])), len(lines))
    unit = (durations[-1].split()[1:] or ["s"])[0].strip(".,;").lower()
    found = {
        "version": len(set(versions)) > 1,
        "duration": any(not_the_same(text, duration) for text in durations),
        "unit": unit not in {"s", "sec", "secs", "second", "seconds"},
        "columns": not named or any(k > first_row and not lines[k].lstrip(" ").startswith("#") for k in named[1:]),
        "channel": any(row[0] != "TERM" for row in find_rows(lines)),
        "confidence": any(not math.isfinite(event.confidence) for event in events),
        "zero-length": any(round(event.start, 4) == round(event.stop, 4) for event in events if find_rows(lines)),
        "before-start": any(round(event.start, 4) < 0 for event in events),
        "past-end": any(round(event.stop, 4) > round(duration, 4) for event in events),
        "overlap": any(
            round(later.start, 4) < round(event.stop, 4) for k, event in enumerate(events) for later in events[k + 1 :]
        ),
    }
    return {name for name, is_so in found.items() if is_so}


def not_the_same(text: str, duration: float) -> bool:
    """Whether an earlier duration differs from the one that counts."""
    try:
        return seconds(text) != duration
    except Refused:
        return True


def prepare(duration: float, events: list[Event]) -> list[Event]:
    """Section 3: fill the gaps of sorted events with background, then merge runs of one annotation label."""
    filled: list[Event] = []
    dur4, t = round(duration, 4), 0.0
    for event in events:
        s4, e4 = round(event.start, 4), round(event.stop, 4)
        if t != s4:
            filled.append(Event(t, s4, FILLER_LABEL, 1.0))
        filled.append(event)
        t = e4
    if t != dur4:
        filled.append(Event(t, dur4, FILLER_LABEL, 1.0))
    merged: list[Event] = []
    for event in filled:
        if merged and merged[-1].label == event.label:
            merged[-1] = merged[-1]._replace(stop=event.stop)
        else:
            merged.append(event)
    return merged


def classes_of(options: Options) -> dict[str, list[str]]:
    """Section 2: the labels of each class, in the order of the map; of two equal names the second gives the labels."""
    found: dict[str, list[str]] = {}
    for cls, labels in options.label_map.items():
        found[cls.lower()] = [label.strip(" ").lower() for label in labels]
    return found


def map_events(events: list[Event], options: Options) -> list[Event]:
    """Section 2: the events with their classes as labels; of two classes of a label the last one counts."""
    class_of = {label: cls for cls, labels in classes_of(options).items() for label in labels}
    if any(event.label not in class_of for event in events):
        raise Refused("label")
    return [event._replace(label=class_of[event.label]) for event in events]


def align(
    ref_labels: Sequence[str], hyp_labels: Sequence[str], options: Options = DEFAULT_OPTIONS
) -> list[tuple[str | None, str | None]]:
    """Section 4.1: the aligned pairs in order, None for the null symbol, the null ends left out."""
    ref: list[str | None] = [None, *ref_labels, None]
    hyp: list[str | None] = [None, *hyp_labels, None]
    cells: list[list[tuple[float, str]]] = [[(0.0, "") for _ in hyp] for _ in ref]
    for i in range(1, len(ref)):
        cells[i][0] = (cells[i - 1][0][0] + options.penalty_del, "del")
    for j in range(1, len(hyp)):
        cells[0][j] = (cells[0][j - 1][0] + options.penalty_ins, "ins")
    for i in range(1, len(ref)):
        for j in range(1, len(hyp)):
            best = (cells[i - 1][j - 1][0] + (0.0 if ref[i] == hyp[j] else options.penalty_sub), "sub")
            insertion = (cells[i][j - 1][0] + options.penalty_ins, "ins")
            deletion = (cells[i - 1][j][0] + options.penalty_del, "del")
            for candidate in (insertion, deletion):
                if candidate[0] < best[0]:
                    best = candidate
            cells[i][j] = best
    backwards: list[tuple[str | None, str | None]] = []
    i, j = len(ref) - 1, len(hyp) - 1
    while i > 0 or j > 0:
        move = cells[i][j][1]
        backwards.append((None if move == "ins" else ref[i], None if move == "del" else hyp[j]))
        i -= 0 if move == "ins" else 1
        j -= 0 if move == "del" else 1
    return [pair for pair in reversed(backwards) if pair != (None, None)]


def label_at(t: float, events: list[Event]) -> str:
    """Section 4.2: the label of the first event holding `t`, both ends included, else of the last event."""
    return next((event.label for event in events if event.start <= t <= event.stop), events[-1].label)


def epoch_labels(ref: list[Event], hyp: list[Event], epoch_duration: float) -> list[tuple[str, str]]:
    """Section 4.2: the (ref, hyp) labels of each sample, in order."""
    samples: list[tuple[str, str]] = []
    while (t := epoch_duration / 2 + len(samples) * epoch_duration) <= ref[-1].stop:
        samples.append((label_at(t, ref), label_at(t, hyp)))
    return samples


def matched(event: Event, others: list[Event]) -> bool:
    """Section 4.3: whether some event of the same class overlaps this one."""
    return any(o.label == event.label and event.stop > o.start and event.start < o.stop for o in others)


def overlap_contributions(ref: list[Event], hyp: list[Event]) -> Contributions:
    """Section 4.3: one hit or miss for each reference event, then the false alarms of the hypothesis."""
    contributions: Contributions = []
    for event in ref:
        contributions.append((event.label, 1, 0, 0) if matched(event, hyp) else (event.label, 0, 1, 0))
    return contributions + [(event.label, 0, 0, 1) for event in hyp if not matched(event, ref)]


def touches(a: Event, b: Event) -> bool:
    """Section 4.4: whether the integer seconds of two events intersect."""
    seconds_of_b = range(int(b.start), int(b.stop) + 1)
    return any(second in seconds_of_b for second in range(int(a.start), int(a.stop) + 1))


def calc_hf(ref: Event, hyp: Event) -> tuple[float, float]:
    """Section 4.4: the hit and the false alarm of one hypothesis event against one reference event."""
    length = ref.stop - ref.start
    if hyp.start <= ref.start and hyp.stop <= ref.stop:
        return (hyp.stop - ref.start) / length, min((ref.start - hyp.start) / length, 1.0)
    if hyp.start >= ref.start and hyp.stop >= ref.stop:
        return (ref.stop - hyp.start) / length, min((hyp.stop - ref.stop) / length, 1.0)
    if hyp.start < ref.start and hyp.stop > ref.stop:
        return 1.0, min(((hyp.stop - ref.stop) + (ref.start - hyp.start)) / length, 1.0)
    return (hyp.stop - hyp.start) / length, 0.0


def taes_contributions(ref: list[Event], hyp: list[Event]) -> Contributions:
    """Section 4.4: one contribution for each scored event pair (i, j), then for each event still flagged."""
    contributions: Contributions = []
    rflag, hflag = [True for _ in ref], [True for _ in hyp]
    for i, event in enumerate(ref):
        if not rflag[i] or not matched(event, hyp):
            continue
        for j, other in enumerate(hyp):
            if other.label != event.label or not hflag[j] or not touches(event, other):
                continue
            hit, fa = calc_hf(event, other)
            miss = 1 - hit
            rflag[i] = hflag[j] = False
            if other.stop >= event.stop:
                for k in range(i + 1, len(ref)):
                    if ref[k].label == event.label and touches(ref[k], other):
                        rflag[k] = False
                        miss += 1
            else:
                for k in range(j + 1, len(hyp)):
                    if hyp[k].label == event.label and touches(event, hyp[k]):
                        hflag[k] = False
                        h, f = calc_hf(event, hyp[k])
                        hit += h
                        miss -= h
                        fa += f
            contributions.append((event.label, hit, miss, fa))
    contributions += [(event.label, 0, 1, 0) for event, flag in zip(ref, rflag, strict=True) if flag]
    contributions += [(event.label, 0, 0, 1) for event, flag in zip(hyp, hflag, strict=True) if flag]
    return contributions


def taes_lines(ref: list[Event], hyp: list[Event]) -> tuple[float, float, float]:
    """Section 4.4: the running sums (hit, miss, false alarm) of the report's line for one mapped pair."""
    hit = miss = fal = 0.0
    for _, h, m, f in taes_contributions(ref, hyp):
        hit += h
        miss += m
        fal += f
    return hit, miss, fal


def zeros(rows: Sequence[str], columns: Sequence[str]) -> Table:
    """Section 4: a table of counters, all zero."""
    return {row: dict.fromkeys(columns, 0) for row in rows}


def count_dp(pairs: Pairs, classes: list[str], options: Options) -> tuple[Table, Table]:
    """Section 4.1: the counts of the alignment."""
    counts, sub = zeros(classes, COUNTS), zeros(classes, classes)
    for ref_events, hyp_events in pairs:
        for ref, hyp in align([e.label for e in ref_events], [e.label for e in hyp_events], options):
            if ref is not None:
                counts[ref]["tgt"] += 1
                counts[ref]["hit" if ref == hyp else "mis"] += 1
                if hyp is None:
                    counts[ref]["del"] += 1
                else:
                    sub[ref][hyp] += 1
            elif hyp is not None:
                counts[hyp]["ins"] += 1
                counts[hyp]["fal"] += 1
    for c, own in counts.items():
        own["tp"], own["fp"], own["fn"] = own["hit"], own["ins"], own["mis"]
        own["tn"] = sum(sub[i][j] for i in classes for j in classes if c not in (i, j))
    return counts, sub


def count_epoch(pairs: Pairs, classes: list[str], epoch_duration: float, null: str) -> tuple[Table, Table]:
    """Section 4.2: the counts of the samples."""
    counts, sub = zeros(classes, COUNTS), zeros(classes, classes)
    for ref_events, hyp_events in pairs:
        for ref, hyp in epoch_labels(ref_events, hyp_events, epoch_duration):
            sub[ref][hyp] += 1
            counts[ref]["tgt"] += 1
    for c, own in counts.items():
        own["hit"] = own["tp"] = sub[c][c]
        own["mis"] = own["fn"] = sum(sub[c][other] for other in classes if other != c)
        own["fp"] = sum(sub[other][c] for other in classes if other != c)
        own["tn"] = sum(sub[i][j] for i in classes for j in classes if c not in (i, j))
        if c != null:
            own["fal"] = own["ins"] = sub[null][c]
            own["del"] = sub[c][null]
    return counts, sub


def count_events(pairs: Pairs, classes: list[str], contribute: Contribute) -> Table:
    """Sections 4.3 and 4.4: the counts made of the contributions of overlap or of taes."""
    counts = zeros(classes, COUNTS)
    for ref, hyp in pairs:
        for event in ref:
            counts[event.label]["tgt"] += 1
        for label, hit, miss, fa in contribute(ref, hyp):
            counts[label]["hit"] += hit
            counts[label]["mis"] += miss
            counts[label]["fal"] += fa
    for c, own in counts.items():
        own["ins"], own["del"] = own["fal"], own["mis"]
        own["tp"], own["fp"], own["fn"] = own["hit"], own["fal"], own["mis"]
        for other in classes:
            if other != c:
                own["tn"] += counts[other]["hit"]
    return counts


def ratio(numerator: float, denominator: float) -> float:
    """Sections 4.5 and 5: a quotient, 0 when its denominator is 0."""
    return numerator / denominator if denominator != 0 else 0.0


def mcc(tp: float, tn: float, fp: float, fn: float) -> float:
    """Section 5: Matthews' correlation; 0 when the product rounds to 0 or is negative."""
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    if round(product, 10) == 0 or product < 0:
        return 0.0
    return (tp * tn - fp * fn) / math.sqrt(product)


def figures(own: dict[str, float], f1_sum: float | None, alarm: float, duration: float) -> list[float]:
    """Section 5: the FIGURES of one class, or of the summary, which takes the `f1_sum` of the last class."""
    tp, tn, fp, fn = own["tp"], own["tn"], own["fp"], own["fn"]
    tpr, tnr, ppv, npv = ratio(tp, tp + fn), ratio(tn, tn + fp), ratio(tp, tp + fp), ratio(tn, tn + fn)
    acc, prv = ratio(tp + tn, tp + tn + fp + fn), ratio(tp + fn, tp + tn + fp + fn)
    denominator = ppv + tpr if f1_sum is None else f1_sum
    f1 = 0.0 if round(denominator, 10) == 0 else 2 * ppv * tpr / denominator
    rate = ratio(fp * alarm, duration) * 86400
    rates = [tpr, tnr, ppv, npv, 1 - tpr, 1 - tnr, 1 - ppv, 1 - npv]
    return [*rates, acc, 1 - acc, prv, f1, mcc(tp, tn, fp, fn), rate]


def result(counts: Table, alarm: float, duration: float) -> dict[str, Any]:
    """Section 5: labels, summary and duration; a false positive counts as one `alarm` (epoch: its length)."""
    total: dict[str, float] = dict.fromkeys(COUNTS, 0)
    for own in counts.values():
        for key in COUNTS:
            total[key] += own[key]
    labels = {c: own | dict.fromkeys(FIGURES, 0.0) for c, own in counts.items()}
    summary = total | dict.fromkeys(FIGURES, 0.0)
    if total["tgt"] != 0:
        for c, own in counts.items():
            labels[c].update(zip(FIGURES, figures(own, None, alarm, duration), strict=True))
        last = labels[list(counts)[-1]]
        summary.update(zip(FIGURES, figures(total, last["ppv"] + last["tpr"], alarm, duration), strict=True))
    return {"labels": labels, "summary": summary, "duration": duration}


def ira(sub: Table, classes: list[str], duration: float) -> dict[str, Any]:
    """Section 4.5: the kappa of each class against all others, and the multi-class kappa."""
    kappa: dict[str, float] = {}
    for label in classes:
        others = [other for other in classes if other != label]
        a, d = sub[label][label], sum(sub[o][o] for o in others)
        b, c = sum(sub[label][o] for o in others), sum(sub[o][label] for o in others)
        n = a + b + c + d
        po = (a + d) / n if n else 0.0
        pe = (a + b) / n * (a + c) / n + (c + d) / n * (b + d) / n if n else 0.0
        kappa[label] = (po - pe) / (1 - pe) if 1 - pe != 0 else float(po - pe == 0)
    total = sum(sub[i][j] for i in classes for j in classes)
    trace = sum(sub[c][c] for c in classes)
    g = sum(sum(sub[c][j] for j in classes) * sum(sub[i][c] for i in classes) for c in classes)
    top, bottom = total * trace - g, total * total - g
    multi_class = top / bottom if bottom != 0 else float(top == 0)
    return {"confusion": sub, "kappa": kappa, "multi_class_kappa": multi_class, "duration": duration}


def score(pairs: Pairs, options: Options = DEFAULT_OPTIONS) -> dict[str, Any]:
    """Sections 4 and 5: every figure of the corpus of prepared, unmapped (ref, hyp) lists, in list order."""
    duration = 0.0
    for ref, _ in pairs:
        duration += ref[-1].stop
    mapped = [(map_events(ref, options), map_events(hyp, options)) for ref, hyp in pairs]
    classes = list(classes_of(options))
    dp_counts, dp_sub = count_dp(mapped, classes, options)
    null = options.epoch_null_class.lower()
    epoch_counts, epoch_sub = count_epoch(mapped, classes, options.epoch_duration, null)
    _, ira_sub = count_epoch(mapped, classes, options.ira_epoch_duration, null)
    return {
        "dp": result(dp_counts, 1, duration) | {"confusion": dp_sub},
        "epoch": result(epoch_counts, options.epoch_duration, duration) | {"confusion": epoch_sub},
        "overlap": result(count_events(mapped, classes, overlap_contributions), 1, duration),
        "taes": result(count_events(mapped, classes, taes_contributions), 1, duration),
        "ira": ira(ira_sub, classes, duration),
    }
