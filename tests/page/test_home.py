"""``GET /`` of the service as a person uses it: choose files, follow the progress, read the page, download reports."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser import Scheme, Size, every_appearance, is_as_wide_as_the_screen, opened, violations
from corpora import EXAMPLE
from helpers import annotation, until
from serving import Server, Stop

pytestmark = [pytest.mark.browser, pytest.mark.integration]

REF, HYP = EXAMPLE.folder / "ref", EXAMPLE.folder / "hyp"
ONE = "chb05_06.csv_bi"
TOKEN = "let-me-in"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
REPORTS = [
    "report.html",
    "summary.txt",
    "summary_dpalign.txt",
    "summary_epoch.txt",
    "summary_ovlp.txt",
    "summary_taes.txt",
]


@pytest.fixture(scope="module")
def window(browser: Browser, server: Server) -> Iterator[Page]:
    with opened(browser, f"{server.url}/", origin=server.url) as page:
        yield page


@pytest.fixture
def page(window: Page, server: Server) -> Page:
    """The page of a service without tokens, loaded afresh."""
    window.goto(f"{server.url}/")
    expect(window.locator("#algorithms input")).to_have_count(7)
    return window


def choose(page: Page, side: str, path: Path) -> None:
    """Choose a file or a folder for a side."""
    page.locator(f"input[name={side}]").nth(int(path.is_dir())).set_input_files(path)


def drop(page: Page, side: str, **files: str) -> None:
    """Drop files on the zone of a side."""
    transfer = page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, text] of Object.entries(files)) transfer.items.add(new File([text], name));
            return transfer;
        }""",
        files,
    )
    page.dispatch_event(f".zone[data-side={side}]", "drop", {"dataTransfer": transfer})


def download(page: Page, name: str) -> bytes:
    with page.expect_download() as started:
        page.get_by_role("button", name=name, exact=True).click()
    assert started.value.suggested_filename == name
    return Path(started.value.path()).read_bytes()


def newest(server: Server, **headers: str) -> str:
    """The id of the newest job."""
    return str(server.client.get("/api/v1/evaluate", headers=headers).json()["jobs"][0]["job_id"])


def test_two_files_give_the_page_in_a_frame_and_the_reports(page: Page, server: Server) -> None:
    choose(page, "reference", REF / ONE)
    choose(page, "hypothesis", HYP / ONE)
    page.get_by_role("button", name="Score").click()
    report = page.frame_locator("#report")
    expect(report.locator("#what")).to_contain_text("1 recording, 1.00 hours")
    expect(report.locator("#recording-name")).to_have_text(ONE)
    job = f"/api/v1/evaluate/{newest(server)}"
    assert page.locator("#downloads button").all_inner_texts() == [*REPORTS, "result.json"]
    for name in REPORTS:
        assert download(page, name) == server.client.get(f"{job}/reports/{name}", headers={"Accept": "*/*"}).content
    assert server.client.get(job).json()["result"]["pairs"] == 1
    assert download(page, "result.json").startswith(b'{"schema":"nedc-bench/result/1"')
    (frame,) = page.main_frame.child_frames  # which reaches neither page nor service
    assert frame.evaluate("self.origin") == "null"
    assert frame.evaluate("(() => { try { return parent.document; } catch (error) { return error.name; } })()") == (
        "SecurityError"
    )


def test_two_folders_are_paired_by_name(page: Page) -> None:
    choose(page, "reference", REF)
    choose(page, "hypothesis", HYP)
    expect(page.locator(".zone .chosen").first).to_have_text("59 annotation files")
    page.get_by_role("button", name="Score").click()
    report = page.frame_locator("#report")
    expect(report.locator("#what")).to_contain_text("59 recordings, 59.01 hours")
    overlap = EXAMPLE.expected["overlap"]["labels"]["seiz"]
    row = report.locator("#totals-table tr[data-algorithm=overlap] data")
    counts = row.evaluate_all("shown => shown.slice(0, 3).map(one => Number(one.value))")
    assert counts == [overlap["tp"], overlap["fp"], overlap["fn"]]
    page.get_by_role("button", name="New evaluation").click()
    expect(page.get_by_role("button", name="Score")).to_be_visible()


def test_an_archive_of_both(page: Page, tmp_path: Path) -> None:
    archive = tmp_path / "corpus.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for side in (REF, HYP):
            tar.add(side / ONE, f"{side.name}/{ONE}")
    page.locator("input[name=archive]").set_input_files(archive)
    page.get_by_role("button", name="Score").click()
    expect(page.frame_locator("#report").locator("#recording-name")).to_have_text(f"ref/{ONE}")


def test_files_are_dropped_and_algorithms_chosen(page: Page) -> None:
    drop(page, "reference", **{"a.csv_bi": annotation((1.0, 3.0, "seiz"))})
    drop(page, "hypothesis", **{"a.csv_bi": annotation((2.0, 4.0, "seiz")), "notes.docx": "-", "b.txt": "-"})
    expect(page.locator(".zone[data-side=hypothesis] .chosen")).to_have_text("a.csv_bi, 2 other files left out")
    for name in ("dp", "epoch", "ira", "szcore-event", "szcore-sample"):
        page.get_by_label(name, exact=True).uncheck()
    page.get_by_role("button", name="Score").click()
    options = page.frame_locator("#report").locator("#first option")
    expect(options).to_have_text(["overlap", "taes"])


def test_every_option_of_the_form_is_offered(page: Page, server: Server) -> None:
    parts = server.client.get("/openapi.json").json()["components"]["schemas"]["Evaluation"]["properties"]
    elsewhere = {"reference", "hypothesis", "archive", "algorithms", "parameters", "pipeline"}
    controls = page.locator("#options label :is(input, select)")
    assert set(controls.evaluate_all("found => found.map(one => one.id)")) == set(parts) - elsewhere
    assert page.get_by_label("Label set").locator("option").all_inner_texts()[1:] == parts["labels"]["enum"]


def test_options_are_sent(page: Page, server: Server, tmp_path: Path) -> None:
    seizures = annotation((1.0, 3.0, "fnsz"), duration=9.0)
    archive = tmp_path / "corpus.zip"
    with zipfile.ZipFile(archive, "w") as corpus:
        corpus.writestr("ref/a.csv_bi", seizures)
        corpus.writestr("ref/b.csv_bi", seizures)
        corpus.writestr("hyp/a_pred.csv_bi", annotation((2.0, 4.0, "fnsz"), duration=9.5))
    page.locator("input[name=archive]").set_input_files(archive)
    page.get_by_label("Label set").select_option("tusz")
    page.get_by_label("Missing hypotheses").select_option("empty")
    page.get_by_label("Per-channel events").select_option("union")
    page.get_by_label("Hypothesis names").fill("{id}_pred")
    page.get_by_label("Tolerance of durations").fill("0.5")
    page.get_by_label("Confidence intervals").check()
    page.get_by_label("Seed").fill("7")
    page.get_by_label("Replicates").fill("200")
    page.get_by_label("Figures of each pair").check()
    page.get_by_role("button", name="Score").click()
    expect(page.frame_locator("#report").locator("#what")).to_contain_text("2 recordings")
    result = server.client.get(f"/api/v1/evaluate/{newest(server)}").json()["result"]
    parameters, method = result["parameters"], result["evidence"]["method"]
    assert (parameters["channels"], parameters["duration_tolerance"]) == ("union", 0.5)
    assert "fnsz" in parameters["label_map"]["seiz"]
    assert (method["seed"], method["replicates"], len(result["per_pair"])) == (7, 200, 2)
    assert result["inputs"][1]["hypothesis"]["name"] == "(none for b.csv_bi)"


def test_what_is_missing_is_said(page: Page) -> None:
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a reference and a hypothesis, or an archive of both.")


def test_a_refused_file_is_named_with_its_line(page: Page) -> None:
    drop(page, "reference", **{"night.csv_bi": annotation((1.0, 3.0, "seiz"))})
    drop(page, "hypothesis", **{"night.csv_bi": annotation((3.0, 1.0, "seiz"))})
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("alert")).to_contain_text("hypothesis, night.csv_bi, line 4:")
    expect(page.get_by_role("alert")).to_be_focused()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with one worker that needs a token."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "tokens").write_text(f"{hashlib.sha256(TOKEN.encode()).hexdigest()} someone\n")
    server = Server(folder / "server.log", MAX_WORKERS="1", API_TOKENS_FILE=str(folder / "tokens"))
    yield server
    assert server.stop() == 0


@pytest.fixture
def guarded_page(browser: Browser, guarded: Server) -> Iterator[Page]:
    with opened(browser, f"{guarded.url}/", origin=guarded.url) as page:
        yield page


def test_a_token_is_asked_for_where_one_is_needed(guarded_page: Page, guarded: Server) -> None:
    page = guarded_page
    expect(page.get_by_label("Token")).to_be_visible()
    for side in ("reference", "hypothesis"):
        drop(page, side, **{"night.csv_bi": annotation((1.0, 3.0, "seiz"))})
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Score").click()
    expect(page.frame_locator("#report").locator("#recording-name")).to_have_text("night.csv_bi")
    assert b"NEDC" in download(page, "summary.txt")
    assert newest(guarded, **BEARER)


def test_progress_is_told_and_a_job_can_be_cancelled(guarded_page: Page, guarded: Server, stop_workers: Stop) -> None:
    page = guarded_page
    stop_workers(guarded)
    choose(page, "reference", REF)
    choose(page, "hypothesis", HYP)
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Score").click()
    expect(page.locator("#state")).to_contain_text("Scoring: 0 of 59 pairs")
    job = f"/api/v1/evaluate/{newest(guarded, **BEARER)}"
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#running")).to_be_hidden()
    expect(page.get_by_role("alert")).to_be_empty()
    until(lambda: guarded.client.get(job, headers=BEARER).status_code == 404)


def test_where_no_token_is_needed_none_is_asked_for(page: Page) -> None:
    expect(page.get_by_label("Token")).to_be_hidden()


def test_folders_of_any_names_become_a_tar_that_others_read(page: Page) -> None:
    names = ["a.csv_bi", f"{'long/' * 80}b.csv_bi", "ключ/é.csv_bi"]
    tar = page.evaluate(
        """async names => {
            const blob = await tarOf(names.map((path) => ({ path, file: new File([`text of ${path}`], "x") })));
            return [...new Uint8Array(await blob.arrayBuffer())];
        }""",
        names,
    )
    with tarfile.open(fileobj=io.BytesIO(bytes(tar))) as archive:
        assert archive.getnames() == names
        contents = [archive.extractfile(name) for name in names]
        assert [file.read().decode() for file in contents if file] == [f"text of {name}" for name in names]


@every_appearance
def test_nothing_keeps_people_from_using_it(browser: Browser, server: Server, size: Size, scheme: Scheme) -> None:
    with opened(browser, f"{server.url}/", size=size, origin=server.url) as page:
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("#algorithms input")).to_have_count(7)
        assert violations(page) == []
        assert is_as_wide_as_the_screen(page)
        choose(page, "reference", REF / ONE)
        choose(page, "hypothesis", HYP / ONE)
        page.get_by_role("button", name="Score").click()
        expect(page.frame_locator("#report").locator("#recording-name")).to_have_text(ONE)
        assert violations(page) == []
        assert is_as_wide_as_the_screen(page)


def test_it_is_used_by_keys_alone(page: Page) -> None:
    choose(page, "reference", REF / ONE)
    choose(page, "hypothesis", HYP / ONE)
    focused = "(({ id, name, value }) => id || name || value)(document.activeElement)"
    reached: list[str] = []
    while not reached or reached[-1] != "score":
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focused))
        assert len(reached) < 40
    assert {"reference", "hypothesis", "archive", "overlap", "parameters", "strict"} <= set(reached)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="New evaluation")).to_be_focused()
