"""The image that the tests of image, stack and cluster share."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def image() -> str:
    """The name of the service's image in the Docker engine: ``$IMAGE``, or one that is built now."""
    if name := os.environ.get("IMAGE"):
        return name
    name = "nedc-bench:dev"
    subprocess.run(["make", "image", f"IMAGE={name}"], cwd=PROJECT, check=True)
    return name
