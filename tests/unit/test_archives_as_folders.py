"""An archive is scored like its folders: the same document, whatever the format of the files."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from archives import NAME, read
from corpora import DATA
from evaluating import as_document, asking
from everything import EVERYTHING
from helpers import make_archive, refusal
from nedc_bench import Parameters, find_pairs, score_corpus
from nedc_bench.annotations.layout import SIDECAR_SUFFIXES
from nedc_bench.annotations.presets import PRESETS
from nedc_bench.execution import Folded
from nedc_bench.execution.folded import with_names
from nedc_bench.execution.work import score_and_fold

FORMATS = Path(__file__).parents[2] / "docs/formats.md"
SUFFIX = {"tsv": "_events.tsv"}  # of the examples, where it is not the language's name
TABLE = b"onset\tduration\teventType\n10.00\t10.00\tsz\n"
SIDECAR = b'{"TaskName": "rest", "RecordingDuration": 300}'
SIDES = ("ref", "hyp")


class Tree(NamedTuple):
    """Files below ``ref/`` and ``hyp/``, and how they are paired."""

    files: Mapping[str, bytes]
    missing: str = "refuse"
    parameters: Parameters = Parameters()


def below(folder: Path) -> dict[str, bytes]:
    """The files of ``ref/`` and ``hyp/`` in a folder."""
    paths = [path for side in SIDES for path in sorted((folder / side).rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def bids(subject: str) -> dict[str, bytes]:
    """CHB-MIT in BIDS: durations, and recordings without seizures, are in sidecars alone; seizures are found late."""
    files = {}
    with tarfile.open(DATA / "bids/chb-mit-bids.tar.xz") as tar:
        for member in tar:
            if f"/{subject}" in member.name and (file := tar.extractfile(member)) is not None:
                files["ref/" + member.name.partition("/")[2]] = file.read()
    for name in [name for name in files if name.endswith(SIDECAR_SUFFIXES)]:
        stem = name.removesuffix("_eeg.json")
        events = files.get(f"{stem}_events.tsv", TABLE.partition(b"\n")[0]).decode("utf-8-sig")
        late = re.sub(r"(?m)^(\d+)", lambda found: str(int(found[1]) + 3), events)
        files["hyp/" + stem.rpartition("/")[2] + ".tsv"] = late.encode()
    return files


def examples() -> dict[str, bytes]:
    """The examples of the formats' page, each against the next."""
    part = FORMATS.read_text().partition("\n## Formats\n")[2].partition("\n### Everything else\n")[0]
    found = [(SUFFIX.get(name, f".{name}"), text) for name, text in re.findall(r"(?ms)^```(\w+)\n(.*?)^```", part)]
    others = [*found[1:], found[0]]
    files = {f"ref/{k}{suffix}": text.encode() for k, (suffix, text) in enumerate(found)}
    return files | {f"hyp/{k}{suffix}": text.encode() for k, (suffix, text) in enumerate(others)}


CASES = DATA / "cases"
OLD = CASES / "foreign-format-as-list"
TYPES = CASES / "tusz-types-and-channels"
TREES: dict[str, Callable[[], Tree]] = {
    "CHB-MIT in BIDS": lambda: Tree(bids("sub-chb" if EVERYTHING else "sub-chb01")),
    "CHB-MIT in csv_bi": lambda: Tree(below(DATA / "chb-mit")),
    "examples of all formats": lambda: Tree(examples(), parameters=Parameters(channels="union")),
    "TUSZ before v2.0.0": lambda: Tree(
        {f"{side}/{name}": (OLD / name).read_bytes() for side in SIDES for name in ("a.tse", "b.tse", "a.lbl")}
    ),
    "SeizeIT2": lambda: Tree({f"{side}/a_events.tsv": (OLD / f"{side}_events.tsv").read_bytes() for side in SIDES}),
    "TUSZ by channel": lambda: Tree(
        {"ref/a.csv_bi": b"not read", **{f"{side}/a.csv": (TYPES / "tusz.csv").read_bytes() for side in SIDES}},
        parameters=Parameters(label_map=PRESETS["tusz"], channels="union"),
    ),
    "a tree against a flat folder": lambda: Tree(below(CASES / "tusz-tree-vs-flat-hypotheses")),
    "a missing hypothesis": lambda: Tree(below(CASES / "missing-hypothesis"), missing="empty"),
    "a sidecar on either side": lambda: Tree(
        {
            "ref/a_events.tsv": TABLE,
            "hyp/a.tsv": TABLE,
            "hyp/a_eeg.json": SIDECAR,
            "ref/s/b_ieeg.json": SIDECAR,
            "ref/s/b_events.tsv": TABLE,
            "hyp/s/b_events.tsv": TABLE,
        }
    ),
}


def from_folders(root: Path, tree: Tree) -> dict[str, Any]:
    """The document of a tree on a disk."""
    for name, content in tree.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    pairing = find_pairs(*SIDES, missing=tree.missing, channels=tree.parameters.channels)
    result = score_corpus(pairing, parameters=tree.parameters, jobs=1)
    return as_document(result, per_pair=True)


def from_archive(kind: str, tree: Tree) -> Any:
    """The document of a tree in an archive, or the findings that refuse it."""
    archive = make_archive(kind, tree.files)
    pairs, warnings = read(archive, missing=tree.missing, channels=tree.parameters.channels)
    asked = asking(replace(tree.parameters, notes=warnings), per_pair=True)
    digests = [(pair.reference_sha256, pair.hypothesis_sha256) for pair in pairs]
    _, folded = score_and_fold([pair.contents for pair in pairs], digests, asked)
    names = [pair.names for pair in pairs]
    if not isinstance(folded, Folded):
        return with_names(folded, names)  # type: ignore[arg-type]
    return json.loads(folded.result(names).replace(f"{NAME}: ".encode(), b""))


@pytest.mark.parametrize("made", TREES.values(), ids=TREES)
def test_an_archive_is_scored_like_its_folders(
    made: Callable[[], Tree], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = made()
    monkeypatch.chdir(tmp_path)
    expected = from_folders(tmp_path, tree)
    for kind in ("tar", "zip", "tar.gz"):
        assert from_archive(kind, tree) == expected


@pytest.mark.parametrize("sidecar", [b'{"RecordingDuration": 300', b'{"RecordingDuration": "300"}', b"\xff"])
def test_a_faulty_sidecar_is_refused_as_beside_a_folder_s_file(
    sidecar: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tree = Tree({"ref/a_events.tsv": TABLE, "ref/a_eeg.json": sidecar, "hyp/a.tsv": TABLE})
    (expected,) = [found for found in refusal(lambda: from_folders(tmp_path, tree)).findings if "json" in found.file]
    (refused,) = [found for found in from_archive("zip", tree) if "sidecar" in found.file]
    assert (refused.file, refused.message) == ("ref/a_events.tsv (its sidecar)", expected.message)
