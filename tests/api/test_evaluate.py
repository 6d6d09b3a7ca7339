"""Evaluations over HTTP: the life of a job, its reports, form fields, and errors."""

from __future__ import annotations

from typing import Any

import pytest

from helpers import annotation
from nedc_bench import ALGORITHMS
from serving import File, Server, accept, check_problem, ended, one_pair, post, small_pair


def test_a_job_from_acceptance_to_removal(server: Server) -> None:
    accepted = post(server, one_pair(), headers={})
    assert accepted.status_code == 202
    assert accepted.json()["status"] in {"pending", "running"}
    where = accepted.headers["Location"]
    while (job := server.client.get(where).json())["status"] in {"pending", "running"}:
        pass
    assert job["status"] == "completed"
    assert list(job["result"]["algorithms"]) == list(ALGORITHMS)
    listed = server.client.get("/api/v1/evaluate", params={"limit": 1, "status": "completed"}).json()
    assert listed["jobs"][0]["job_id"] == job["job_id"]
    assert listed["jobs"][0]["result"] is None
    assert server.client.delete(where).status_code == 204
    assert server.client.get(where).status_code == 404
    assert server.client.delete(where).status_code == 404


def test_there_is_no_report_of_an_algorithm_that_was_not_asked_for(server: Server) -> None:
    job = post(server, one_pair(), algorithms="taes").json()
    missing = server.client.get(f"/api/v1/evaluate/{job['job_id']}/reports/summary_epoch.txt")
    assert missing.status_code == 404
    assert "summary.txt, summary_taes.txt" in missing.json()["detail"]


def test_a_waiting_client_whose_input_is_refused_is_told_where_and_why(server: Server) -> None:
    (name, (file, data)), other = one_pair()
    files = [(name, (file, data + b"TERM,5.0,abc,seiz,1.0\nTERM,9.0,8.0,seiz,1.0\n")), other]
    problem = check_problem(post(server, files), 422)
    assert problem["title"] == "The input is refused"
    lines = data.decode().count("\n")
    assert [(fault["side"], fault["file"], fault["line"]) for fault in problem["errors"]] == [
        ("reference", file, lines + 1),
        ("reference", file, lines + 2),
    ]
    assert "'abc'" in problem["errors"][0]["reason"]
    failed = ended(server, accept(server, files))
    assert (failed["status"], failed["result"]) == ("failed", None)
    assert failed["error"] == problem


def test_the_same_idempotency_key_gets_the_same_job(server: Server) -> None:
    headers = {"Idempotency-Key": "abc", "Prefer": "wait=60"}
    first, again = (post(server, one_pair(), headers).json() for _ in range(2))
    assert first["job_id"] == again["job_id"]
    check_problem(post(server, one_pair(), headers, algorithms="taes"), 422)


FORM = "multipart/form-data; boundary=x"
BAD = [
    ({"algorithms": "tae"}, 422, "'tae' is not an algorithm"),
    ({"pipeline": "alpha"}, 422, "'alpha' runs in CI and by hand only"),
    ({"pipeline": "dual"}, 422, "'dual' runs in CI and by hand only"),
    ({"strict": "yes"}, 422, "strict must be true or false"),
    ({"strict": ["true", "true"]}, 422, "strict is given 2 times"),
    ({"evidence": "yes"}, 422, "evidence must be true or false"),
    ({"seed": "x"}, 422, "seed must be a whole number from 0"),
    ({"evidence": "true", "seed": "-1"}, 422, "seed must be a whole number from 0 to 9223372036854775807, not '-1'"),
    ({"evidence": "true", "replicates": "5001"}, 422, "replicates must be a whole number from 100 to 5000"),
    ({"labels": "params.toml"}, 422, "labels must be one of tusz, hed-score, binary"),
    ({"channels": "all"}, 422, "channels must be refuse or union, not 'all'"),
    ({"duration_tolerance": "much"}, 422, "duration_tolerance must be seconds, not 'much'"),
    ({"duration_tolerance": "\u0661"}, 422, "duration_tolerance must be seconds, not '\u0661'"),
    ({"duration_tolerance": "1e400"}, 422, "duration_tolerance must be a finite number from 0 to 60, not inf"),
    ({"missing": "empty"}, 422, "pair the files of an archive"),
    ({"colour": "red"}, 422, "'colour' is not a part"),
    ({"algorithms": "x" * 2000}, 413, "larger than 1024 bytes"),
]


@pytest.mark.parametrize(("data", "status", "words"), BAD)
def test_bad_fields(server: Server, data: dict[str, Any], status: int, words: str) -> None:
    assert words in check_problem(post(server, one_pair(), **data), status)["detail"]


def test_every_bad_field_is_named_and_so_is_the_archive(server: Server) -> None:
    fields: dict[str, Any] = {"strict": "yes", "algorithms": "tae", "labels": "x", "seed": "-1", "missing": "all"}
    problem = check_problem(post(server, [("archive", ("a.zip", b"PK\x03\x04"))], **fields), 422)
    reasons = [fault["reason"] for fault in problem["errors"]]
    assert [reason.split()[0] for reason in reasons] == ["'tae'", "strict", "labels", "seed", "missing", "is"]
    assert problem["errors"][-1]["file"] == "a.zip"
    assert problem["detail"] == reasons[0]


def test_labels_and_tolerance_are_those_of_the_command(server: Server) -> None:
    reference, hypothesis = (annotation((1.0, 5.0, "fnsz"), duration=seconds).encode() for seconds in (9.0, 9.5))
    files = [("reference", ("a.csv_bi", reference)), ("hypothesis", ("a.csv_bi", hypothesis))]
    assert "--labels tusz" in check_problem(post(server, files), 422)["detail"]
    job = post(server, files, labels="tusz", duration_tolerance="1").json()
    assert job["result"]["algorithms"]["overlap"]["labels"]["seiz"]["tp"] == 1


def test_a_form_may_leave_fields_empty_and_write_words_in_any_case(server: Server) -> None:
    names = ("labels", "channels", "strict", "seed", "replicates", "pipeline", "duration_tolerance")
    empty: dict[str, Any] = dict.fromkeys(names, "")
    assert post(server, one_pair(), **empty, algorithms=["", "TAES"]).json()["result"]["algorithms"].keys() == {"taes"}
    shouted = post(server, one_pair(), pipeline="BETA", strict="True", labels="TUSZ", algorithms="Taes, EPOCH")
    assert shouted.json()["result"]["algorithms"].keys() == {"taes", "epoch"}


def test_a_file_field_without_a_chosen_file_counts_as_not_sent(server: Server) -> None:
    unchosen = [("archive", ("", b"")), ("parameters", ("", b""))]
    answer = post(server, [*one_pair(), *unchosen])
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")


def test_files_without_counterpart_are_refused(server: Server) -> None:
    assert "1 reference and 0 hypothesis" in check_problem(post(server, one_pair()[:1]), 422)["detail"]


def test_bodies_that_are_no_form_are_refused(server: Server) -> None:
    cases = [
        ({"content": b"{" * 400_000, "headers": {"Content-Type": "application/json"}}, 415),
        ({"content": b"abc"}, 415),
        ({"content": b"abc", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"content": b"abc", "headers": {"Content-Type": FORM}}, 400),
    ]
    for request, status in cases:
        check_problem(server.client.post("/api/v1/evaluate", **request), status)  # type: ignore[arg-type]


def test_a_part_in_the_query_is_refused(server: Server) -> None:
    problem = check_problem(server.client.post("/api/v1/evaluate?strict=true", files=one_pair()), 422)
    assert problem["detail"] == "strict in the query would be ignored; send it as a part of the form"


@pytest.mark.parametrize("encoding", ["gzip", "identity, BR"])
def test_an_encoded_body_is_refused_with_the_remedy(server: Server, encoding: str) -> None:
    answer = post(server, one_pair(), {"Content-Encoding": encoding})
    assert check_problem(answer, 415)["detail"].startswith(f"Content-Encoding: {encoding} is not supported; send the")
    assert answer.headers["Accept-Encoding"] == "identity"
    assert post(server, one_pair(), {"Content-Encoding": "Identity"}).status_code == 202


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (
            b'name="reference"; filename="M\xfcller.csv_bi"\r\n\r\n',
            "the file name of a part 'reference' is not UTF-8; in",
        ),
        (b'name="r\xe9f"\r\n\r\n', "the name of a part is not UTF-8; in Latin-1 it would be 'r\xe9f'; send all names"),
        (b'name="pattern"\r\n\r\n{id}_\xe9', "the text of pattern is not UTF-8; in Latin-1 it would be '{id}_\xe9'"),
        (b'name="strict"\r\nContent-Transfer-Encoding: base64\r\n\r\ndHJ1ZQ==', "base64, of a part 'strict', is not"),
    ],
)
def test_a_part_in_another_encoding_is_named_with_the_remedy(server: Server, part: bytes, said: str) -> None:
    body = b"--x\r\nContent-Disposition: form-data; %b\r\n--x--\r\n" % part
    answer = server.client.post("/api/v1/evaluate", content=body, headers={"Content-Type": FORM})
    assert said in check_problem(answer, 422)["detail"]


def test_names_in_utf_8_are_kept(server: Server) -> None:
    files = [(side, ("M\xfcller\u2013\u8133.csv_bi", data)) for side, (_, data) in one_pair()]
    (pair,) = post(server, files).json()["result"]["inputs"]
    assert pair["reference"]["name"] == "M\xfcller\u2013\u8133.csv_bi"


def test_a_body_over_the_limit_is_refused(server: Server) -> None:
    check_problem(post(server, [("reference", ("big", bytes(65 * 2**20)))]), 413)


def test_a_file_over_the_limit_is_refused(server: Server) -> None:
    problem = check_problem(post(server, [("reference", ("big.csv_bi", bytes(17 * 2**20)))]), 413)
    assert "'reference' (big.csv_bi)" in problem["detail"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/nothing", {}, 404),
        ("GET", "/api/v1/evaluate/unknown", {}, 404),
        ("PUT", "/api/v1/evaluate", {}, 405),
        ("GET", "/api/v1/evaluate", {"Accept": "text/html"}, 406),
        ("GET", "/api/v1/evaluate?limit=0", {}, 422),
        ("GET", "/api/v1/evaluate?limit=NaN", {}, 422),
        ("GET", "/api/v1/evaluate?status=done", {}, 422),
        ("GET", "/api/v1/evaluate?status=", {}, 422),
        ("GET", "/api/v1/evaluate?status=COMPLETED", {}, 422),
        ("GET", "/api/v1/evaluate?offset=0&offset=1", {}, 422),
    ],
)
def test_every_error_is_a_problem(server: Server, method: str, path: str, headers: dict[str, str], status: int) -> None:
    check_problem(server.client.request(method, path, headers=headers), status)


def test_every_fault_of_a_query_is_named(server: Server) -> None:
    problem = check_problem(server.client.get("/api/v1/evaluate?limit=-1&status=done"), 422)
    assert [fault["reason"] for fault in problem["errors"]] == [
        "status must be one of pending, running, completed, failed, not 'done'",
        "limit must be a whole number from 1 to 100, not '-1'",
    ]


def test_unknown_paths_and_methods_name_those_that_exist(server: Server) -> None:
    assert server.client.get("/nothing").json()["detail"] == "there is no /nothing; /docs describes what there is"
    put = server.client.put("/api/v1/evaluate")
    assert put.json()["detail"] == "PUT is not allowed here, but GET, HEAD, OPTIONS, POST"
    assert set(put.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_client_that_accepts_no_json_gets_no_job(server: Server) -> None:
    before = server.client.get("/api/v1/evaluate").json()["total"]
    assert post(server, one_pair(), {"Accept": "text/html"}).status_code == 406
    assert server.client.get("/api/v1/evaluate").json()["total"] == before


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json; charset=utf-8", 200),
        ("text/html, APPLICATION/JSON;version=1;q=0.1", 200),
        ("application/*", 200),
        ("", 200),
        ("application/json;q=0", 406),
        ("application/problem+json", 406),
    ],
)
def test_json_is_accepted_with_any_parameters(server: Server, accept: str, status: int) -> None:
    assert server.client.get("/api/v1/evaluate", headers={"Accept": accept}).status_code == status


def test_head_is_get_without_a_body(server: Server) -> None:
    for path in ("/api/v1/health", "/api/v1/ready", "/metrics", "/openapi.json", "/docs", "/api/v1/evaluate"):
        response = server.client.head(path, headers={"Accept": "*/*"})
        assert (response.status_code, response.content) == (200, b"")


def test_a_request_id_is_kept_and_a_bad_one_replaced(server: Server) -> None:
    assert server.client.get("/api/v1/health", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    replaced = server.client.get("/api/v1/health", headers={"X-Request-ID": 'a"b'}).headers["X-Request-ID"]
    assert replaced.isalnum()


def test_uploads_that_are_swapped_are_warned_about(server: Server) -> None:
    files = [*named("a", "b", side="reference"), *named("b", "a", side="hypothesis")]
    answer = post(server, files)
    assert [found["code"] for found in answer.json()["result"]["warnings"]] == ["list-order"]
    assert check_problem(post(server, files, strict="true"), 422)


def test_a_pair_that_is_uploaded_twice_is_warned_about(server: Server) -> None:
    files = [*small_pair(0), *small_pair(1), *small_pair(0)]  # the same names, but the second is another pair
    (warning,) = post(server, files).json()["result"]["warnings"]
    assert (warning["side"], warning["file"], warning["code"]) == ("reference", "a.csv_bi", "twice")
    assert warning["message"].startswith("and its hypothesis 'a.csv_bi' are sent 2 times and count 2 times; send each")
    assert "count 2 times" in check_problem(post(server, files, strict="true"), 422)["detail"]


def named(*names: str, side: str) -> list[File]:
    (_, (_, text)), *_ = small_pair(0)
    return [(side, (f"{name}.csv_bi", text)) for name in names]
