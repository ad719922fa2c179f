"""One line format for both processes, so that a job can be followed by its id through the API and the worker.

A line is JSON: timestamp, level, event (a sentence), action (a stable word), and what is bound: request_id, path,
job_id, attempt. Never a prompt, an answer or a secret.
"""

from __future__ import annotations

import contextlib
import logging
import sys

import orjson
import structlog


class LossyBytesLogger(structlog.BytesLogger):
    """A line that nobody can take (a closed terminal or pipe, a full disk) is lost; who wrote it goes on."""

    def msg(self, message: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def configure_logs(level: str, process: str) -> None:
    """Send structlog and the standard library's loggers (uvicorn, redis) to stdout as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: LossyBytesLogger(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=lambda line, **_: orjson.dumps(line).decode()),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))
