"""What schemathesis sends where the document names a format of ours: files that the service scores."""

from __future__ import annotations

import io
import tarfile

import schemathesis
from hypothesis import strategies as st

from helpers import annotation


@st.composite
def csv_bi(draw: st.DrawFn) -> str:
    """A file with a few seizures."""
    starts = draw(st.lists(st.integers(0, 9), max_size=3, unique=True).map(sorted))
    return annotation(*((start, start + 0.5, "seiz") for start in starts))


@st.composite
def archive(draw: st.DrawFn) -> str:
    """A tar with a pair or two: all of it is ASCII, which schemathesis needs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for number in range(draw(st.integers(1, 2))):
            for side in ("ref", "hyp"):
                content = draw(csv_bi()).encode()
                member = tarfile.TarInfo(f"{side}/{number}.csv_bi")
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
    return buffer.getvalue().decode("ascii")


schemathesis.openapi.format("binary", csv_bi())  # the bytes that it has for this stop its coverage phase (4.32)
schemathesis.openapi.format("archive", archive())
schemathesis.openapi.format("toml", st.sampled_from(["", "# nothing\n", "[NEDC_EPOCH]\nepoch_duration = '0.5'\n"]))
