"""The logs, as a child process writes them to its standard error."""

from __future__ import annotations

import json
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from typing import Any

from helpers import on_terminal, run

SET_UP = """
import asyncio, logging, sys, warnings
import structlog
from nedc_bench.logs import configure_logging
configure_logging({level!r})
logger = structlog.get_logger("nedc_bench.test")
"""


def stderr_of(code: str, level: str = "info") -> str:
    script = SET_UP.format(level=level) + textwrap.dedent(code)
    ran = run("-c", script)
    assert (ran.status, ran.stdout) == (0, ""), ran.stderr
    return ran.stderr


def lines_of(code: str, level: str = "info") -> list[dict[str, Any]]:
    return [json.loads(line) for line in stderr_of(code, level).splitlines()]


def without_time(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != "timestamp"}


def test_a_line_is_json_with_time_level_logger_and_event_first() -> None:
    (line,) = lines_of("logger.info('job accepted', pairs=59, algorithms=['dp'])")
    assert list(line) == ["timestamp", "level", "logger", "event", "pairs", "algorithms"]
    assert without_time(line) == {
        "level": "info",
        "logger": "nedc_bench.test",
        "event": "job accepted",
        "pairs": 59,
        "algorithms": ["dp"],
    }


def test_the_time_is_utc_in_iso_8601() -> None:
    (line,) = lines_of("logger.info('now')")
    assert line["timestamp"].endswith("Z")
    time = datetime.fromisoformat(line["timestamp"])
    assert timedelta() <= datetime.now(tz=UTC) - time < timedelta(minutes=1)


def test_an_event_with_line_breaks_is_one_line() -> None:
    (line,) = lines_of(r"""logger.info('a\nb"}', name='x\n{"level": "fake"}')""")
    assert (line["event"], line["name"]) == ('a\nb"}', 'x\n{"level": "fake"}')


def test_request_and_job_ids_come_from_the_context() -> None:
    lines = lines_of("""
        from structlog.contextvars import bound_contextvars

        async def handle(number):
            with bound_contextvars(request_id=f"r{number}"):
                await asyncio.sleep(0)
                with bound_contextvars(job_id=f"j{number}"):
                    logger.info("ours")
                logging.getLogger("redis.connection").info("theirs")

        async def main():
            await asyncio.gather(handle(1), handle(2))

        asyncio.run(main())
        logger.info("after")
    """)
    assert sorted((line["event"], line.get("request_id", ""), line.get("job_id", "")) for line in lines) == [
        ("after", "", ""),
        ("ours", "r1", "j1"),
        ("ours", "r2", "j2"),
        ("theirs", "r1", ""),
        ("theirs", "r2", ""),
    ]


def test_lines_of_the_standard_library_go_the_same_way() -> None:
    lines = lines_of("""
        logging.getLogger("redis.connection").warning("task %s took %d s", "x", 3)
        warnings.warn("old", stacklevel=1)
    """)
    assert [without_time(line) for line in lines[:1]] == [
        {"level": "warning", "logger": "redis.connection", "event": "task x took 3 s"}
    ]
    assert (lines[1]["level"], lines[1]["logger"]) == ("warning", "py.warnings")
    assert "UserWarning: old" in lines[1]["event"]


def test_what_a_line_of_the_standard_library_has_beside_its_text_is_kept() -> None:
    (line,) = lines_of('logging.getLogger("pool").warning("replaced", extra={"pid": 7, "reason": "died"})')
    assert without_time(line) == {"level": "warning", "logger": "pool", "event": "replaced", "pid": 7, "reason": "died"}


def test_lines_of_hypercorn_go_the_same_way_and_once() -> None:
    (line,) = lines_of("""
        from hypercorn.config import Config
        config = Config()
        config.errorlog = logging.getLogger("hypercorn.error")
        asyncio.run(config.log.info("Running on %s", "http://127.0.0.1:8000"))
    """)
    assert without_time(line) == {
        "level": "info",
        "logger": "hypercorn.error",
        "event": "Running on http://127.0.0.1:8000",
    }


def test_quart_adds_no_handler_of_its_own() -> None:
    (line,) = lines_of("""
        from quart import Quart
        Quart("nedc_bench.api").logger.error("failed")
    """)
    assert without_time(line) == {"level": "error", "logger": "nedc_bench.api", "event": "failed"}


def test_the_level_holds_for_both_kinds_of_loggers() -> None:
    code = """
        other = logging.getLogger("other")
        for level in ("debug", "info", "warning", "error"):
            getattr(logger, level)("ours")
            getattr(other, level)("theirs")
    """
    assert [line["level"] for line in lines_of(code, "debug")] == ["debug"] * 2 + ["info"] * 2 + ["warning"] * 2 + [
        "error"
    ] * 2
    assert [line["level"] for line in lines_of(code, "warning")] == ["warning"] * 2 + ["error"] * 2
    assert stderr_of(code, "critical") == ""


def test_a_second_configuration_replaces_the_first() -> None:
    (line,) = lines_of("""
        configure_logging("error")
        logger.warning("not this")
        logger.error("this")
    """)
    assert line["event"] == "this"


def test_a_traceback_is_a_field_without_the_values_of_variables() -> None:
    (line,) = lines_of("""
        def read():
            content = "TERM,0.0,1.0," + "secret"
            raise RuntimeError("no reader") from OSError("gone")
        try:
            read()
        except RuntimeError:
            logger.exception("failed", job_id="j1")
    """)
    assert (line["event"], line["level"], line["job_id"]) == ("failed", "error", "j1")
    assert line["exception"].splitlines()[0] == "OSError: gone"
    assert line["exception"].splitlines()[-1] == "RuntimeError: no reader"
    assert "TERM,0.0,1.0,secret" not in json.dumps(line)


READ_A_BAD_FILE = """
    import io
    from nedc_bench import InputError, read_recording
    CONTENT = b"# version = csv_v1.0.0\\nnot-for-the-log\\n# duration = 1 secs\\n"
    def read():
        return read_recording(io.BytesIO(CONTENT))
    try:
        read()
    except InputError as refused:
        error = refused
"""


def test_the_refusal_of_the_tests_below_quotes_the_file() -> None:
    assert "not-for-the-log" in stderr_of(READ_A_BAD_FILE + "    print(error, file=sys.stderr)\n")


def test_contents_of_files_are_named_by_their_size() -> None:
    lines = lines_of(
        READ_A_BAD_FILE
        + """
    logger.warning("upload", body=CONTENT, view=memoryview(CONTENT))
    logging.getLogger("other").warning("upload %s", CONTENT)
    """
    )
    assert (lines[0]["body"], lines[0]["view"]) == ("<59 bytes>", "<59 bytes>")
    assert lines[1]["event"] == "upload <59 bytes>"


def test_a_refusal_is_named_by_its_codes() -> None:
    text = stderr_of(
        READ_A_BAD_FILE
        + """
    logger.warning("refused", reason=error)
    logging.getLogger("redis.connection").error("Exception: %s", error, exc_info=error)
    logging.getLogger("other").error(error)
    try:
        raise RuntimeError(f"job failed: {error}") from error
    except RuntimeError:
        logger.exception("failed")
    logger.error("group", exc_info=ExceptionGroup("several", [error, ValueError("x")]))
    """
    )
    assert "not-for-the-log" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines[0]["reason"] == "1 findings: columns"
    assert lines[1]["event"] == f"Exception: {lines[0]['reason']}"
    assert "in read\n" in lines[1]["exception"]
    assert "RuntimeError: job failed: (" in lines[3]["exception"]
    assert "ValueError: x" in lines[4]["exception"]


def test_a_terminal_gets_lines_for_a_person() -> None:
    script = SET_UP.format(level="info") + "logger.info('job accepted', pairs=59)\n"
    script += "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logger.exception('failed')\n"
    shown = on_terminal(sys.executable, "-c", script)
    first = shown.splitlines()[0]
    assert not first.startswith("{")
    assert "job accepted" in first
    assert "59" in first
    assert shown.rstrip().endswith("ZeroDivisionError: division by zero")
