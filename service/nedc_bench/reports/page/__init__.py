"""``report.html``: figures, differences and timelines as one self-contained HTML file.

The page is a shell (`page.html` with the style and the scripts beside it) around data (JSON): the result document, the
evidence document if there is one, and for each recording its events with each algorithm's verdicts. Only the data
depends on what was scored, so it can be stored alone and put into the shell on request.

The shell's Content-Security-Policy forbids the page to load or send anything, and allows its own style and script by
hash. ``<`` is escaped in the data, so that no file name can end the script element that holds it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from nedc_bench.annotations.timeline import FILLER
from nedc_bench.reports.document import build_document
from nedc_bench.scoring import CorpusScore, PairScore, epoch, ira
from nedc_bench.scoring.operating import FALSE_ALARMS_PER_24H, OperatingCurve
from nedc_bench.scoring.verdicts import RULES, Verdict, judge

PAGE_NAME = "report.html"
SCRIPTS = ("data.js", "html.js", "timeline.js", "list.js", "viewer.js", "evidence.js", "curve.js", "main.js")
VERDICTS = ("hit", "miss", "partial", "false alarm", "uncounted")

_RULE = {rule: k for k, rule in enumerate(RULES)}
_VERDICT = {verdict: k for k, verdict in enumerate(VERDICTS)}


class Shell(NamedTuple):
    """The page before and after its data, and the style and script hashes that a policy must allow."""

    before: str
    after: str
    style_source: str
    script_source: str


def page_lines(
    score: CorpusScore, curves: Sequence[OperatingCurve] = (), *, evidence: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """The lines of the page.

    Args:
        score: the scores to show.
        curves: each with more than one point gets a section.
        evidence: the evidence document, which gets a section, or None.
    """
    return render_lines(data_lines(score, curves, evidence=evidence))


def data_lines(
    score: CorpusScore, curves: Sequence[OperatingCurve] = (), *, evidence: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """The lines of the page's data: some for the figures, then one per recording; arguments as for `page_lines`."""
    document = _json(build_document(score))
    classes = _json(score.parameters.label_map.classes)
    yield f'{{"result":{document},"evidence":{_json(evidence)},"classes":{classes},{_constants()},'
    yield f'"curves":{_json([_curve(curve) for curve in curves if curve.thresholds.size > 1])},"recordings":['
    last = len(score.scores) - 1
    for number, pair in enumerate(score.scores):
        yield _json(_recording(pair, score)) + ("" if number == last else ",")
    yield "]}"


def render_lines(data: Iterable[str]) -> Iterator[str]:
    """The lines of the page with this data."""
    before, after, *_ = page_shell()
    yield before
    for line in data:
        yield line.replace("<", "\\u003c")
    yield after


@cache
def page_shell() -> Shell:
    """The constant part of all pages."""
    folder = files(__name__)
    style = folder.joinpath("page.css").read_text("utf-8")
    script = '"use strict";\n' + "\n".join(folder.joinpath(name).read_text("utf-8") for name in SCRIPTS)
    style_source, script_source = _source(style), _source(script)
    policy = f"default-src 'none'; style-src {style_source}; script-src {script_source}; img-src data:"
    policy += "; base-uri 'none'; form-action 'none'"
    before, _, after = folder.joinpath("page.html").read_text("utf-8").partition("{data}")
    before = before.replace("{policy}", policy).replace("{style}", style)
    return Shell(before, after.replace("{script}", script).rstrip("\n"), style_source, script_source)


def _json(content: Any) -> str:
    return json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _constants() -> str:
    return f'"background":"{FILLER}","verdicts":{_json(VERDICTS)},"rules":{_json(list(RULES.items()))}'


def _curve(curve: OperatingCurve) -> dict[str, Any]:
    """The part of a curve on the page: the Pareto-optimal points, and the best at a few false alarm rates."""
    return {
        "algorithm": curve.algorithm,
        "label": curve.label,
        "front": [point.to_dict() for point in curve.front],
        "at": [{"allowed": rate} | curve.at_false_alarms(rate).to_dict() for rate in FALSE_ALARMS_PER_24H],
        "auc": curve.auc(),
    }


def _recording(pair: PairScore, score: CorpusScore) -> list[Any]:
    """Duration, the events of both sides, and by algorithm the verdicts on them."""
    events = [
        list(zip(*(column.tolist() for column in packed.unpack()), strict=True)) for packed in pair.events
    ]  # start, stop, index of the class
    sizes = [len(side) for side in events]
    parameters = score.parameters
    judged: dict[str, list[list[Any]]] = {}
    for algorithm in score.algorithms:
        if (
            algorithm == ira.NAME
            and epoch.NAME in judged
            and parameters.epoch_duration == parameters.ira_epoch_duration
        ):
            judged[algorithm] = judged[epoch.NAME]  # the same samples
        else:
            judged[algorithm] = _packed(judge(pair, algorithm, parameters), sizes)
    return [pair.duration_seconds, events, judged]


def _packed(verdicts: Iterable[Verdict], sizes: Sequence[int]) -> list[list[Any]]:
    """The verdicts on the events of both sides; 0 for none."""
    reference, hypothesis = ([0] * size for size in sizes)
    sides: dict[str, list[Any]] = {"reference": reference, "hypothesis": hypothesis}
    for _, _, _, side, event, _, _, name, share, rule, partners, hits, misses, alarms, _ in verdicts:
        sides[side][event] = [_VERDICT[name], _RULE[rule], share, hits, misses, alarms, *partners]
    return [reference, hypothesis]
