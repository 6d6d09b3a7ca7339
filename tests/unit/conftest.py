"""What unit tests of the service's evaluation share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from helpers import late

if TYPE_CHECKING:
    from evaluating import Scorer


@pytest.fixture
async def scorer() -> AsyncIterator[Scorer]:
    """An evaluator with one worker and its cache in memory."""
    async with late("evaluating").Scorer() as scorer:
        yield scorer
