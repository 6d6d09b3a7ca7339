"""The HTTP API: a Quart app with one module per resource. It knows nothing about scoring."""

from nedc_bench.api.app import create_app

__all__ = ["create_app"]
