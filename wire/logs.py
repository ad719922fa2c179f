"""One line format for both processes, so that a job can be followed by its id through the API and the worker.

A line is JSON: timestamp, level, event (a sentence), action (a stable word), and the bound fields: request_id, path,
job_id, attempt. It never holds a prompt, an answer or a secret.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable
from typing import Any

import orjson
import structlog


class Lossy:
    """A logger that loses a line which cannot be written (a closed terminal or pipe, a full disk). The code that logs
    the line continues, and can still be stopped in order."""

    def __init__(self, logger: structlog.BytesLogger | structlog.PrintLogger) -> None:
        self._write: Callable[[Any], None] = logger.msg

    def msg(self, line: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._write(line)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def encoded(fields: Any, **_: Any) -> bytes:
    """A line as JSON. A value that JSON cannot hold (a number of more than 64 bits, half a surrogate pair) is written
    as Python shows it: a log line never ends the loop that writes it."""
    try:
        return orjson.dumps(fields)
    except TypeError:
        return orjson.dumps({str(name): ascii(value) for name, value in fields.items()})


def configure_logs(level: str, process: str) -> None:
    """Send structlog and the standard library's loggers (uvicorn, redis) to stdout as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=encoded)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: Lossy(structlog.BytesLogger()),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=lambda line, **_: encoded(line).decode()),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))
