"""How much Hypothesis draws: the same at every run, or (`HYPOTHESIS_PROFILE=explore`) more, and new ones each time."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("fixed", derandomize=True, max_examples=1500, deadline=None, database=None)
settings.register_profile("explore", max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
