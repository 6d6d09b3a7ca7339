"""The service writes nowhere: no disk, no temporary folder, no shared memory."""

from __future__ import annotations

import os
import sys

import pytest

from corpora import EXAMPLE, check_figures, in_golden_names
from redis_server import RedisServer
from serving import Start, accept, ended, parts, post, received, watch

# Mounts everything read-only in a mount namespace of the service's own, and checks that writing fails.
READ_ONLY = """
for place in $(awk '$4 ~ /^rw/ {print $2}' /proc/self/mounts); do
    mount -o remount,bind,ro "$place" 2>/dev/null || true
done
for place in / /tmp /var/tmp /dev/shm "$PWD" "$HOME"; do
    if touch "$place/written" 2>/dev/null; then echo "$place can be written to" >&2; exit 1; fi
done
exec "$@"
"""
PRIVILEGE = () if os.geteuid() == 0 else ("--map-root-user",)
COMMAND = ("unshare", "--mount", *PRIVILEGE, "sh", "-euc", READ_ONLY, "sh", sys.executable, "-m", "nedc_bench")


@pytest.mark.integration
def test_a_read_only_root(start_server: Start, redis: RedisServer) -> None:
    server = start_server(command=COMMAND, REDIS_URL=redis.url)
    job_id = accept(server, parts(EXAMPLE))
    with watch(server, job_id) as socket:
        assert list(received(socket))[-1] == {"closed": 1000}
    result = ended(server, job_id)["result"]
    assert check_figures(in_golden_names(result["algorithms"]), EXAMPLE.expected, result["duration_seconds"]) > 200
    assert server.client.get(f"/api/v1/evaluate/{job_id}/reports/summary.txt", headers={"Accept": "*/*"}).is_success
    large = [("reference", ("large.csv_bi", bytes(15 * 2**20))), ("hypothesis", ("large.csv_bi", b""))]
    assert post(server, large).status_code == 422
    assert server.stop() == 0
    assert {line["level"] for line in server.lines()} <= {"info"}
