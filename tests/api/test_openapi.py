"""The OpenAPI document's examples are real, and its page loads nothing that is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import msgspec
import pytest

from corpora import EXAMPLE
from nedc_bench.api.openapi import MODELS
from nedc_bench.api.schemas import Result
from serving import Server, one_pair, parts, post

MODELS_BY_NAME = {model.__name__: model for model in MODELS}


def contents(node: Any) -> Iterator[dict[str, Any]]:
    """Every JSON media type in the document."""
    if isinstance(node, dict):
        for name, found in node.items():
            if name in {"application/json", "application/problem+json"}:
                yield found
            yield from contents(found)


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    answer: dict[str, Any] = server.client.get("/openapi.json").json()
    return answer


def test_every_json_response_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    found = list(contents(document))
    assert len(found) >= 15
    for content in found:
        model = MODELS_BY_NAME[content["schema"]["$ref"].rpartition("/")[2]]
        example = {name: value for name, value in content["example"].items() if name != "result"}
        known = {"result": None} if "result" in content["example"] else {}  # a test below compares the result
        decoded = msgspec.json.decode(msgspec.json.encode(example | known), type=model)
        assert msgspec.json.decode(msgspec.json.encode(decoded)) == example | known


def test_the_example_of_a_completed_job_is_what_the_service_answers(server: Server, document: dict[str, Any]) -> None:
    answer = post(server, one_pair(), algorithms=["taes", "epoch"])
    example = document["paths"]["/api/v1/evaluate"]["post"]["responses"]["200"]["content"]["application/json"][
        "example"
    ]
    own = {name: example[name] for name in ("job_id", "created_at", "completed_at")}
    assert answer.json() | own == example


def test_every_field_of_the_result_is_described(server: Server) -> None:
    result = post(server, parts(EXAMPLE), per_pair="true", evidence="true").json()["result"]
    decoded = msgspec.json.decode(msgspec.json.encode(result), type=Result)
    assert msgspec.json.decode(msgspec.json.encode(decoded)) == result


def test_every_operation_has_a_tag_that_is_described(document: dict[str, Any]) -> None:
    operations = [o for item in document["paths"].values() for name, o in item.items() if name != "parameters"]
    assert {tag for operation in operations for tag in operation["tags"]} == {tag["name"] for tag in document["tags"]}


def test_everything_that_the_page_loads_is_served(server: Server) -> None:
    page = server.client.get("/docs", headers={"Accept": "text/html"})
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    start = server.client.get("/docs/start.js", headers={"Accept": "*/*"}).text
    loaded += re.findall(r'url: "([^"]+)"', start)
    kinds = {".css": "text/css", ".js": "text/javascript", ".json": "application/json"}
    assert {Path(name).suffix for name in loaded if name != "data:,"} == set(kinds)
    for name in loaded:
        if name != "data:,":
            answer = server.client.get(urljoin(server.url, name), headers={"Accept": "*/*"})
            assert answer.url.copy_with(path="/") == server.client.base_url.copy_with(path="/"), "of this host"
            assert answer.status_code == 200
            assert answer.headers["Content-Type"].startswith(kinds[Path(name).suffix])
    assert "validatorUrl: null" in start, "or the page asks a server elsewhere"
    assert re.findall(r"<script(?![^>]*src=)", page.text) == []
