"""What people brought, each with the figures of the original: `tests/data/cases`, a folder a case."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpora import DATA
from helpers import run
from nedc_bench import InputError, Parameters, Result, read_parameters, score

CASES = DATA / "cases"


def scored(case: str, *, params: bool = False, strict: bool = False) -> Result:
    folder = CASES / case
    parameters = read_parameters(folder / "params.toml") if params else Parameters()
    return score(folder / "ref.csv_bi", folder / "hyp.csv_bi", parameters=parameters, strict=strict)


def test_a_confidence_that_is_not_finite_is_scored_with_a_warning() -> None:
    result = scored("confidence-not-used")
    assert (result.overlap.labels["seiz"].tp, result.taes.labels["seiz"].tp) == (1, 1.0)
    assert [(warning.side, warning.code) for warning in result.warnings] == [("hypothesis", "confidence")]
    with pytest.raises(InputError, match="whose confidence is not finite"):
        scored("confidence-not-used", strict=True)


@pytest.mark.parametrize(
    ("variant", "codes"), [("licfirst", []), ("blankfirst", []), ("ver-second", []), ("nocols", ["columns"])]
)
def test_headers_that_the_original_reads_are_read(variant: str, codes: list[str]) -> None:
    result = scored(f"header-variants-original-scores/{variant}")
    assert result.overlap.labels["seiz"].tp == 1
    assert [warning.code for warning in result.warnings] == codes


def test_a_map_without_background_scores_recordings_without_gaps() -> None:
    result = scored("map-without-bckg", params=True)
    assert [f"{figures.hits:.2f}" for figures in result.taes.labels.values()] == ["1.86", "0.80", "0.50"]
    assert [figures.targets for figures in result.taes.labels.values()] == [2, 1, 1]
    assert [*result.taes.labels] == ["c0", "c1", "c2"]


def test_short_classes_have_columns_four_wide(tmp_path: Path) -> None:
    folder = CASES / "report-width-short-classes"
    files = (folder / "ref.csv_bi", folder / "hyp.csv_bi")
    assert run("score", *files, "--params", folder / "params.toml", "-o", tmp_path).status == 0
    for name in ("summary_dpalign.txt", "summary_epoch.txt"):
        for line in (tmp_path / name).read_text().splitlines():
            if line.startswith(("  Ref: ", "  Hyp: ")):
                symbols = line[7:]
                assert len(symbols) % 5 == 0
                assert all(symbols[k : k + 5].endswith(" ") for k in range(0, len(symbols), 5))


@pytest.mark.parametrize(
    ("variant", "side", "targets", "hits", "false_alarms"),
    [
        ("zero-hyp", "hypothesis", 1, 1, 0),
        ("zero-hyp-4dig", "hypothesis", 1, 1, 0),
        ("zero-ref", "reference", 2, 1, 0),
        ("zero-only", "reference", 1, 0, 1),
    ],
)
def test_an_event_of_no_length_counts_with_a_warning(
    variant: str, side: str, targets: int, hits: int, false_alarms: int
) -> None:
    result = scored(f"zero-length-event/{variant}")
    seizure = result.overlap.labels["seiz"]
    assert (seizure.targets, seizure.hits, seizure.false_alarms) == (targets, hits, false_alarms)
    assert [(warning.side, warning.code) for warning in result.warnings] == [(side, "zero-length")]
    with pytest.raises(InputError, match="of no length"):
        scored(f"zero-length-event/{variant}", strict=True)


def test_types_of_seizures_are_refused_with_the_map_that_scores_them(tmp_path: Path) -> None:
    folder = CASES / "tusz-types-and-channels"
    files = (folder / "ref.csv_bi", folder / "hyp.csv_bi")
    ran = run("score", *files)
    assert ran.status == 1
    first = ran.stderr.splitlines()[0]
    assert "line 7: label 'fnsz' is not in the label map; known labels: seiz, bckg" in first
    assert '(--params), such as [MAP] SEIZ = "seiz,fnsz"' in first
    params = tmp_path / "params.toml"
    params.write_text('[MAP]\nSEIZ = "seiz,fnsz,gnsz"\nBCKG = "bckg"\n')
    assert score(*files, parameters=read_parameters(params)).overlap.labels["seiz"].tp == 1


def test_the_parameter_file_of_the_documentation_is_one() -> None:
    example = read_parameters(DATA.parent.parent / "docs/params.toml")
    assert example.label_map.index["fnsz"] == example.label_map.index["seiz"]
    assert example.warnings == ()
