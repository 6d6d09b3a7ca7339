"""What the server logs of errors that nobody waits for."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from nedc_bench.server import report_exception

ERRORS = (RuntimeError("the handler is closed"), ValueError("another fault"))


async def report_for_a_closed_connection() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report_exception)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.close()
    for error in ERRORS:  # as uvloop reports them
        loop.call_exception_handler(
            {"message": "Fatal error on SSL protocol", "exception": error, "transport": writer.transport}
        )
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


def test_only_a_tls_connection_given_up_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    uvloop.run(report_for_a_closed_connection())
    assert [record.exc_info and record.exc_info[1] for record in caplog.records] == [ERRORS[1]]
