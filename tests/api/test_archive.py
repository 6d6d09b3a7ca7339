"""A corpus as one archive, and malicious archives."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from corpora import EXAMPLE
from evaluating import as_document
from helpers import make_archive
from nedc_bench import Pair, score_corpus
from serving import Server, Start, accept, check_problem, ended, figures, one_pair, parts, post, small_pair

BOMB = 120 * 2**20


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_corpus_as_an_archive(server: Server, kind: str) -> None:
    files = {f"corpus/{'ref' if name == 'reference' else 'hyp'}/{file}": data for name, (file, data) in parts(EXAMPLE)}
    archive = make_archive(kind, files)
    job = post(server, [("archive", (f"corpus.{kind}", archive))]).json()
    assert job["status"] == "completed", job
    assert job["result"]["algorithms"] == figures(EXAMPLE)


ONE, OTHER = ({side: data for side, (_, data) in small_pair(number)} for number in (1, 2))


def test_an_archive_is_paired_by_a_pattern_and_may_lack_hypotheses(server: Server) -> None:
    files = {
        "ref/a.csv_bi": ONE["reference"],
        "ref/b.csv_bi": OTHER["reference"],
        "hyp/a_pred.csv_bi": ONE["hypothesis"],
    }
    archive = [("archive", ("corpus.zip", make_archive("zip", files)))]
    refused = check_problem(post(server, archive, pattern="{id}_pred"), 422)
    assert "set missing to empty" in refused["detail"]
    job = post(server, archive, pattern="{id}_pred", missing="empty").json()
    pairs = [
        Pair(io.BytesIO(ONE["reference"]), io.BytesIO(ONE["hypothesis"])),
        Pair(io.BytesIO(OTHER["reference"]), None),
    ]
    assert job["result"]["algorithms"] == as_document(score_corpus(pairs))["algorithms"]
    assert job["result"]["inputs"][1]["hypothesis"] == {"name": "(none for b.csv_bi)", "sha256": ""}
    assert [warning["code"] for warning in job["result"]["warnings"]] == ["missing"]
    assert post(server, archive, pattern="{id}_pred", missing="empty", strict="true").status_code == 422


def test_the_union_of_channels_takes_the_file_of_channels_in_an_archive(server: Server) -> None:
    files = {"ref/a.csv_bi": ONE["reference"], "hyp/a.csv_bi": ONE["hypothesis"]}
    files["ref/a.csv"] = ONE["reference"].replace(b"TERM", b"FP1-F7")
    archive = [("archive", ("corpus.zip", make_archive("zip", files)))]
    for channels, expected in (("refuse", "ref/a.csv_bi"), ("union", "ref/a.csv")):
        job = post(server, archive, channels=channels).json()
        assert job["result"]["inputs"][0]["reference"]["name"] == expected


def with_sidecar(seconds: int) -> bytes:
    """A BIDS archive whose recording lasts so long according to its sidecar alone."""
    table = b"onset\tduration\teventType\n10.0\t10.0\tsz\n"
    sidecar = b'{"RecordingDuration": %d}' % seconds
    stem = "ref/sub-1/eeg/sub-1_task-rest"
    files = {f"{stem}_events.tsv": table, f"{stem}_eeg.json": sidecar, "hyp/sub-1_task-rest.tsv": table}
    return make_archive("tar.gz", files)


def test_the_sidecar_beside_a_file_gives_its_duration(server: Server) -> None:
    for seconds in (300, 400):  # the cache tells them apart
        job = post(server, [("archive", ("bids.tgz", with_sidecar(seconds)))]).json()
        assert (job["status"], job["result"]["duration_seconds"]) == ("completed", seconds)


@pytest.mark.integration
def test_a_sidecar_goes_through_the_queue(replica: Start) -> None:
    server = replica()
    job = ended(server, accept(server, [("archive", ("bids.tgz", with_sidecar(300)))]))
    assert (job["status"], job["result"]["duration_seconds"]) == ("completed", 300.0)


@pytest.mark.integration
def test_a_missing_hypothesis_goes_through_the_queue(replica: Start) -> None:
    server = replica()
    files = {"ref/a.csv_bi": ONE["reference"], "ref/b.csv_bi": OTHER["reference"], "hyp/a.csv_bi": ONE["hypothesis"]}
    archive = [("archive", ("corpus.zip", make_archive("zip", files)))]
    job = ended(server, accept(server, archive, missing="empty"))
    assert (job["status"], job["result"]["pairs"]) == ("completed", 2)


@pytest.mark.parametrize("name", ["../ref/a.csv_bi", "other/a.csv_bi"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_of_the_archive_or_to_no_side_are_refused(server: Server, kind: str, name: str) -> None:
    check_problem(post(server, [("archive", ("bad", make_archive(kind, {name: b"x"})))]), 422)


def test_a_damaged_archive_is_refused(server: Server) -> None:
    files = {f"{side}/{name}.csv_bi": ONE["reference"] for name in "ab" for side in ("ref", "hyp")}
    whole = make_archive("tar", files)
    damaged = bytearray(whole)
    damaged[whole.index(b"ref/b")] ^= 1
    for kind, archive in (("damaged", bytes(damaged)), ("cut", whole[:2048]), ("7z", b"7z\xbc\xaf\x27\x1c\0\4")):
        detail = check_problem(post(server, [("archive", (kind, archive))]), 422)["detail"]
        assert {"damaged": "a header is damaged", "cut": "it lacks the blocks of zeros", "7z": "send a zip, or a tar"}[
            kind
        ] in detail


def test_a_link_in_an_archive_is_refused(server: Server) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("ref/a.csv_bi")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    problem = check_problem(post(server, [("archive", ("links.tar", buffer.getvalue()))]), 422)
    assert "is a link" in problem["detail"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_decompression_bomb_is_refused(server: Server, kind: str) -> None:
    bomb = make_archive(kind, {"ref/a.csv_bi": bytes(20 * 2**20), "hyp/a.csv_bi": b""})
    assert "larger than" in check_problem(post(server, [("archive", ("bomb", bomb))]), 422)["detail"]


def folders(kind: str) -> bytes:
    """A small archive with a great many folders."""
    return make_archive(kind, {f"{number}/": b"" for number in range(30_000)})


def long_name(kind: str) -> bytes:
    """A tar whose first entry is a name of 120 MiB for the second."""
    buffer = io.BytesIO()
    with tarfile.open(None, f"w:{kind[4:]}", buffer, compresslevel=1) as tar:  # type: ignore[call-overload]
        member = tarfile.TarInfo("././@LongLink")
        member.type, member.size = tarfile.GNUTYPE_LONGNAME, BOMB
        tar.addfile(member, io.BytesIO(bytes(BOMB)))
        tar.addfile(tarfile.TarInfo("ref/a"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "bomb"),
    [
        ("folders.zip", lambda: folders("zip")),
        ("folders.tar.gz", lambda: folders("tar.gz")),
        ("name.tar.gz", lambda: long_name("tar.gz")),
        ("name.tar.bz2", lambda: long_name("tar.bz2")),
    ],
)
def test_a_bomb_of_names_or_folders_is_refused_in_bounded_memory(
    start_server: Start, name: str, bomb: Callable[[], bytes]
) -> None:
    server = start_server(MAX_UPLOAD_BYTES="8MiB", MAX_PAIRS="100")
    before = server.memory()
    check_problem(post(server, [("archive", (name, bomb()))]), 422)
    assert server.memory() - before < 60 * 2**20
    assert post(server, one_pair()).json()["status"] == "completed"


CASE = Path(__file__).parents[1] / "data/cases/mac-and-windows-archives"


@pytest.mark.parametrize(("name", "pairs"), [("mac.zip", 1), ("win.zip", 1), ("appledouble.tgz", 3), ("edf.tgz", 3)])
def test_archives_made_on_mac_and_windows_are_read(server: Server, name: str, pairs: int) -> None:
    job = post(server, [("archive", (name, (CASE / name).read_bytes()))]).json()
    assert (job["status"], job["result"]["pairs"]) == ("completed", pairs)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_capitals_in_folder_names_and_other_files_do_no_harm(server: Server, kind: str) -> None:
    (_, (_, reference)), (_, (_, hypothesis)) = one_pair()
    files = {"Corpus/Ref/A.csv_bi": reference, "Corpus/HYP/A.csv_bi": hypothesis, "Corpus/README.md": b"\xff"}
    files["Corpus/Ref/A.edf"] = bytes(20 * 2**20)  # a signal is not even read
    job = post(server, [("archive", ("a", make_archive(kind, files)))]).json()
    assert job["status"] == "completed"
    assert [pair["reference"]["name"] for pair in job["result"]["inputs"]] == ["ref/A.csv_bi"]


def test_every_file_without_a_counterpart_is_named(server: Server) -> None:
    files = dict.fromkeys(("ref/a.csv_bi", "ref/b.csv_bi", "ref/c.csv_bi", "hyp/a.csv_bi"), b"")
    problem = check_problem(post(server, [("archive", ("a.zip", make_archive("zip", files)))]), 422)
    assert {"a.zip: ref/b.csv_bi", "a.zip: ref/c.csv_bi"} <= {error["file"] for error in problem["errors"]}
