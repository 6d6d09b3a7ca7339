"""Where the project lives; a fork has other names."""

from __future__ import annotations

import tomllib
from pathlib import Path

_FOUND = tomllib.loads((Path(__file__).parents[1] / "names.toml").read_text())
REPOSITORY: str = _FOUND["repository"]
PAGES: str = _FOUND["pages"]
IMAGE: str = _FOUND["image"]
CHARTS: str = _FOUND["charts"]
