"""The page of a job is the library's, names the uploaded files, and is sandboxed."""

from __future__ import annotations

import re

from helpers import annotation, page_data
from nedc_bench.scoring import ALGORITHM
from serving import Server, post

HOSTILE = "</script><script>alert('ü')</script>.csv_bi"


def test_the_page_of_a_job_holds_its_result_and_the_names_of_its_files_as_data(server: Server) -> None:
    texts = (annotation((1.0, 4.0, "seiz")).encode(), annotation((2.0, 6.0, "seiz")).encode())
    names = (("reference", HOSTILE), ("hypothesis", "h.csv_bi"))
    files = [(side, (name, text)) for (side, name), text in zip(names, texts, strict=True)]
    job = post(server, files, algorithms=list(ALGORITHM)).json()
    answer = server.client.get(f"/api/v1/evaluate/{job['job_id']}/reports/report.html", headers={"Accept": "text/html"})
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == "sandbox allow-scripts allow-modals"
    content = page_data(answer.text)
    assert content["result"] == job["result"]
    assert content["result"]["inputs"][0]["reference"]["name"] == HOSTILE
    assert set(content["recordings"][0][-1]) == set(ALGORITHM)


def test_the_page_where_people_score_names_each_of_its_files(server: Server) -> None:
    page = server.client.get("/", headers={"Accept": "text/html"})
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assets = re.findall(r'(?:src|href)="(/home/[^"]+)"', page.text)
    assert len(assets) == 4
    for path in assets:
        assert server.client.get(path, headers={"Accept": "*/*"}).status_code == 200
    assert server.client.get("/home/other.js").status_code == 404
