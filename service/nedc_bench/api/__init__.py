"""The HTTP API: a Quart app, one module a resource. Nothing here knows how scoring works."""

from nedc_bench.api.app import create_app

__all__ = ["create_app"]
