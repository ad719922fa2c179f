"""`python -m backend`: the API process, until SIGTERM or Ctrl-C. Settings: see `--help`."""

from __future__ import annotations

import os
import signal
import sys

import uvicorn

from backend.app import create_app
from backend.heads import BoundedHeads
from backend.settings import ApiSettings
from wire.settings import describe_settings, read_settings


def run() -> None:
    """Serve until a signal comes, or explain the settings where `--help` asks for that."""
    if "--help" in sys.argv or "-h" in sys.argv:
        print(__doc__, describe_settings(ApiSettings), sep="\n\n")
        return
    # An inherited LangSmith setting would send prompts to somebody else's server.
    os.environ["LANGSMITH_TRACING"] = os.environ["LANGCHAIN_TRACING_V2"] = "false"
    server = uvicorn.Server(config_of(read_settings(ApiSettings)))
    for number in (signal.SIGTERM, signal.SIGINT):
        # Heeds them until uvicorn listens to signals itself, which raises them again once it has shut down: being told
        # to stop is no failure, so the process then exits with 0.
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    server.run()


def config_of(settings: ApiSettings) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        http=BoundedHeads,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(settings.grace),
        server_header=False,
    )
