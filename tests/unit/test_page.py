"""``report.html`` as a file: its data and its security policy. tests/page shows it in a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from helpers import page_data
from nedc_bench import Recording, Result, score
from nedc_bench.reports.page import VERDICTS, data_lines, page_lines, page_shell, render_lines
from nedc_bench.scoring import ALGORITHM
from nedc_bench.scoring.verdicts import RULES


@pytest.fixture(scope="module")
def result() -> Result:
    reference = Recording.from_events(900.0, [(10.0, 20.0), (100.0, 130.5), (400.0, 401.0)], "sub-01/a</script>é.tsv")
    hypothesis = Recording.from_events(900.0, [(15.0, 22.0), (140.0, 150.0), (600.0, 899.0)], "b<!--.tsv")
    return score(reference, hypothesis, algorithms=tuple(ALGORITHM))


def test_the_page_holds_the_result_document(result: Result) -> None:
    assert page_data("\n".join(page_lines(result)))["result"] == json.loads(json.dumps(result.to_dict()))


def test_the_page_holds_every_event_and_what_each_algorithm_made_of_it(result: Result) -> None:
    content = page_data("\n".join(page_lines(result)))
    (expected,) = result.to_dict(events=True)["events"]
    ((duration, events, judged),) = content["recordings"]
    assert duration == expected["duration_seconds"] == 900.0
    for k, side in enumerate(("reference", "hypothesis")):
        assert [[*times, content["classes"][c]] for *times, c in events[k]] == expected["events"][side]
        for algorithm in ALGORITHM:
            verdicts = {event: packed for event, packed in enumerate(judged[algorithm][k]) if packed}
            assert verdicts == {
                verdict["event"]: [
                    VERDICTS.index(verdict["verdict"]),
                    list(RULES).index(verdict["rule"]),
                    *(verdict[name] for name in ("share", "hits", "misses", "false_alarms")),
                    *verdict["partners"],
                ]
                for verdict in expected["verdicts"][algorithm][side]
            }


def test_no_name_ends_the_script_that_holds_it(result: Result) -> None:
    lines = list(data_lines(result))
    assert any("<" in line for line in lines)
    before, after, *_ = page_shell()
    page = "\n".join(render_lines(lines))
    assert "<" not in page.removeprefix(before).removesuffix(after)
    assert page_data(page) == json.loads("\n".join(lines))


def test_the_page_allows_itself_its_own_style_and_script_and_nothing_else() -> None:
    shell = page_shell()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', shell.before)
    directives = {words[0]: words[1:] for words in map(str.split, policy.split(";"))}
    (style,) = re.findall(r"<style>(.*?)</style>", shell.before, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", shell.after, re.DOTALL)
    assert directives == {
        "default-src": ["'none'"],
        "style-src": [source(style)],
        "script-src": [source(script)],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", shell.before + shell.after)


def source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
