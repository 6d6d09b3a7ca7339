"""How many examples Hypothesis draws: the same ones in every run, ten times as many with ``NEDC_BENCH_EVERYTHING=1``.

``HYPOTHESIS_PROFILE=explore`` draws still more, and new ones in each run.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from everything import of

settings.register_profile("fixed", derandomize=True, max_examples=of(1500, 150), deadline=None, database=None)
settings.register_profile("explore", max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
