"""What is committed in ``environments/``."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from gitops.conftest import PROJECT
from release import environments
from repository import Repository

REPOSITORY = Repository(PROJECT)
FOLDER = PROJECT / "environments"
NAMES = [environment.name for environment in environments(REPOSITORY)]


def load(path: str) -> Any:
    """A file of YAML."""
    return yaml.safe_load((FOLDER / path).read_text())


@cache
def objects(environment: str) -> list[Any]:
    """The objects of an environment's golden render."""
    text = (FOLDER / environment / "rendered.yaml").read_text()
    return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found]
