"""Has schemathesis send files that the service can score where the document says ``binary``."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import strategies as st

from helpers import annotation, make_archive

PARAMETERS = ["", "# nothing\n", "[NEDC_EPOCH]\nepoch_duration = '0.5'\n"]


@st.composite
def csv_bi(draw: st.DrawFn) -> str:
    """A csv_bi file with a few seizures."""
    starts = draw(st.lists(st.integers(0, 9), max_size=3, unique=True).map(sorted))
    return annotation(*((start, start + 0.5, "seiz") for start in starts))


def archive(content: str) -> str:
    """A tar with a pair of this content, all in ASCII, as schemathesis needs it."""
    files = dict.fromkeys(("ref/a.csv_bi", "hyp/a.csv_bi"), content.encode())
    return make_archive("tar", files).decode("ascii")


schemathesis.openapi.format("binary", csv_bi())  # its own bytes for this format stop its coverage phase (4.32)


@schemathesis.hook
def map_body(_context: schemathesis.HookContext, body: Any) -> Any:
    """Make an archive of the drawn file where the body has one, and replace drawn parameters by valid ones."""
    if isinstance(body, dict) and isinstance(body.get("archive"), str) and body["archive"].startswith("#"):
        body["archive"] = archive(body["archive"])
    if isinstance(body, dict) and isinstance(body.get("parameters"), str):
        body["parameters"] = PARAMETERS[len(body["parameters"]) % len(PARAMETERS)]
    return body
