"""SeizeIT2 and CHB-MIT as published in BIDS, scored against seeded random hypotheses."""

from __future__ import annotations

from pathlib import Path

import pytest

import bids
from nedc_bench import find_pairs, score_corpus


@pytest.fixture(scope="module", params=list(bids.SETS))
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return request.param, bids.unpack(request.param, tmp_path_factory.mktemp("bids"))


TOTALS = {  # from the publications: recordings, seizures, hours
    "seizeit2": (2850, 883, 11626),
    "chb-mit-bids": (686, 198, 982),
}


@pytest.mark.slow
def test_all_recordings_and_seizures_are_read(corpus: tuple[str, Path], tmp_path: Path) -> None:
    name, root = corpus
    found = bids.write_hypotheses(root, tmp_path / "hyp", seed=12)
    pairing = find_pairs(root, tmp_path / "hyp")
    result = score_corpus(pairing)
    recordings, seizures, hours = TOTALS[name]
    assert len(pairing.pairs) == recordings
    assert pairing.notes == ("files are paired by base name, without folders",)
    assert result.overlap.labels["seiz"].targets == result.taes.labels["seiz"].targets == seizures
    assert int(result.duration_seconds // 3600) == hours

    # The overlaps, counted directly from the same tables.
    references = {recorded.name: recorded.seizures for recorded in bids.recordings(root)}
    hits = sum(any(touch(one, other) for other in found[name]) for name in found for one in references[name])
    alarms = [(name, one) for name in found for one in found[name]]
    false_alarms = sum(not any(touch(one, other) for other in references[name]) for name, one in alarms)
    assert (result.overlap.labels["seiz"].hits, result.overlap.labels["seiz"].fp) == (hits, false_alarms)
    assert hits > 0.7 * seizures


def touch(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[1] > other[0] and one[0] < other[1]
