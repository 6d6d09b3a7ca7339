"""A griffe extension: fences the examples of docstrings, so that Markdown shows them as code."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_EXAMPLE = re.compile(r"^>>> .*(?:\n(?!$).*)*", re.MULTILINE)


def fenced(docstring: str) -> str:
    """The docstring with its examples fenced."""
    return _EXAMPLE.sub(r"```pycon\n\g<0>\n```", docstring.strip())


class Doctests(Extension):
    """Fences each run of lines that begins with ``>>>`` and ends at a blank line."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Fence the examples of one docstring."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
