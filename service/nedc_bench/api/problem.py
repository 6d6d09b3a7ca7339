"""The form of every error of the service: a problem (RFC 9457).

``type`` is the path of the section of the API's page that explains it. No problem reveals internals of the service.
"""

from __future__ import annotations

import msgspec

from nedc_bench.errors import InputError
from nedc_bench.jobs import Failure, InputFault

DOCUMENTATION = "/docs"

TITLES = {
    400: "The request is malformed",
    401: "A token is needed",
    403: "Not allowed",
    404: "Not found",
    405: "The method is not allowed here",
    406: "No acceptable representation",
    408: "The request took too long",
    409: "Not in this state",
    413: "The request is too large",
    415: "The content type or encoding is not supported",
    422: "The input is refused",
    429: "Too many requests",
    431: "The header is too large",
    500: "The service failed",
    503: "The service cannot take this now",
    505: "The HTTP version is not supported",
}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error; ``errors`` list the faults of the input."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[InputFault] = []


def problem(status: int, detail: str, errors: list[InputFault] | None = None) -> Problem:
    """A problem with the title of its status."""
    return Problem(f"{DOCUMENTATION}#{status}", TITLES[status], status, detail, errors or [])


def failure_problem(failure: Failure) -> Problem:
    """The problem that ended a job."""
    return problem(failure.status, failure.detail, failure.errors)


def input_problem(error: InputError) -> Problem:
    """The problem of a refused input, with every finding."""
    return failure_problem(Failure.of(error))
