"""The running service keeps to its OpenAPI document: schemathesis, with all its checks and phases."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from everything import of
from serving import Start, write_tokens

FOLDER = Path(__file__).parent / "contract"
EXAMPLES = of(200, 15)  # per operation


def test_the_service_keeps_to_its_document(start_server: Start, tmp_path: Path) -> None:
    server = start_server(API_TOKENS_FILE=write_tokens(tmp_path, "secret"), METRICS_NEED_TOKEN="true")
    command = [str(Path(sys.executable).parent / "schemathesis")]
    command += ["--config-file", str(FOLDER / "schemathesis.toml"), "run", f"{server.url}/openapi.json"]
    command += ["--header", "Authorization: Bearer secret", "--checks", "all", "--continue-on-failure"]
    command += ["--seed", "1", "--max-examples", str(EXAMPLES)]
    paths = os.pathsep.join(map(str, (FOLDER, FOLDER.parents[1])))
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in ran.stdout.replace("  ", " "), ran.stdout
    assert "8 selected / 8 total" in ran.stdout
    assert "error" not in {line["level"] for line in server.lines()}
