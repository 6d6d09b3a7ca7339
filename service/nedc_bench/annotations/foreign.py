"""Formats of the field that we do not read: recognised by content, so that the refusal can name them and the remedy.

Source: the tools' own documentation (MNE-Python, PhysioNet's CHB-MIT and Siena, NEDC).
"""

from __future__ import annotations

import re

from nedc_bench.annotations.bids import columns_of
from nedc_bench.annotations.layout import FORMAT_NAMES, split_suffix
from nedc_bench.annotations.reading import head_of, lines_of
from nedc_bench.errors import quoted

EXPORT = f"convert it to one of {FORMAT_NAMES} (docs/formats.md), or pass the events to Recording.from_events"

_BINARY = {
    b"\x89HDF": "an HDF5 file",
    b"MATLAB": "a MATLAB file",
    b"\x93NUMPY": "a NumPy array; use Recording.from_mask or Recording.from_probabilities in Python",
    b"PK\x03\x04": "a zip archive; unpack it and give its folders",
    b"PAR1": "a Parquet file; use Recording.from_dataframe in Python",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"BZh": "compressed by bzip2; only gzip is read",
    b"\xfd7zXZ": "compressed by xz; only gzip is read",
    b"%PDF": "a PDF file",
}
_PARAMETERS = re.compile(r"(?mi)^[ \t]*+\[(MAP|NEDC_[A-Z]++|INPUT|SZCORE)\]")
_JSON = re.compile(r'\{|\[\s*+([\[{"0-9\]-]|true|false|null|$)')
_REC = re.compile(r"\d+,\d+(\.\d+)?,\d+(\.\d+)?,\d+")


def describe_binary(data: bytes) -> str | None:
    """The name of a binary format, or None."""
    return next((what for magic, what in _BINARY.items() if data.startswith(magic)), None)


def describe(text: str) -> str:
    """The name of a text format that we do not read, and the remedy."""
    text = head_of(text)
    first = next((line for _, line in lines_of(text)), "")
    start = first.lstrip()
    if start.startswith(("<?xml", "<root")):
        return f"is XML, which NEDC's tools write too; {EXPORT}"
    if start.startswith("<"):
        return f"is HTML or XML, perhaps a page saved in place of the file; {EXPORT}"
    if _PARAMETERS.search(text):
        return "is a parameter file, not an annotation; give it as the parameters (--params)"
    if _JSON.match(start):
        return f"is JSON, and no BIDS sidecar with RecordingDuration; {EXPORT}"
    if re.match(r"onset,duration,description", start) or "MNE-Annotations" in first:
        return f"is an annotation table of MNE-Python; {EXPORT}"
    if "Data Sampling Rate" in first or re.search(r"(?m)^(File Name|Number of Seizures in File):", text):
        return f"is a summary of CHB-MIT, which describes many recordings; {EXPORT}"
    if re.search(r"(?mi)^(Registration|Seizure) (start|end) time", text):
        return f"is a seizure list of the Siena corpus, which describes many recordings; {EXPORT}"
    if _REC.fullmatch(start.strip()):
        return f"has rows of channel, start, stop and a number, as TUEV's .rec files do; {EXPORT}"
    if looks_like_list(text):
        return "is a list of files, where one annotation file is expected; give two lists to score what they name"
    if "\t" in first or "," in first:
        names = ", ".join(columns_of(first)[:8])
        return f"is a table of {quoted(names)}; an events.tsv has onset, duration and eventType or trial_type; {EXPORT}"
    return f"begins with {quoted(first)}, which is of no known format; {EXPORT}"


def looks_like_list(text: str) -> bool:
    """Whether every line is the path of an annotation file."""
    found = False
    for _, line in lines_of(text):
        path = "".join(line.split())
        if path.startswith("#"):
            continue
        if "," in path or split_suffix(path) is None:
            return False
        found = True
    return found
