"""The examples in docstrings print what they say."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import nedc_bench


def test_examples_in_docstrings() -> None:
    modules = [module.name for module in pkgutil.walk_packages(nedc_bench.__path__, "nedc_bench.")]
    tried = 0
    for name in ("nedc_bench", *(name for name in modules if not name.endswith("__main__"))):
        found = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
        assert found.failed == 0, name
        tried += found.attempted
    assert tried > 20
