"""`python -m backend`: the API process, until SIGTERM or Ctrl-C. Settings: see `--help`."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial

import uvicorn

from backend.app import create_app
from backend.entrance.connection import Connection
from backend.entrance.descriptors import Descriptors, raise_limit
from backend.settings import ApiSettings
from wire.settings import describe_settings, read_settings


def run() -> None:
    """Serve until a signal comes; with `--help`, print the settings instead."""
    if "--help" in sys.argv or "-h" in sys.argv:
        print(__doc__, describe_settings(ApiSettings), sep="\n\n")
        return
    # With an inherited LangSmith setting, LangChain would send prompts to LangSmith's server.
    os.environ["LANGSMITH_TRACING"] = os.environ["LANGCHAIN_TRACING_V2"] = "false"
    settings = read_settings(ApiSettings)
    raise_limit()
    server = uvicorn.Server(config_of(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        # This handler is for the time until uvicorn sets its own. uvicorn raises the signals again once it has shut
        # down, and stopping at a signal is no failure: the process then exits with 0.
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    server.run()


def config_of(settings: ApiSettings) -> uvicorn.Config:
    """How the server is run. uvicorn's own environment variables do not decide which proxies it believes."""
    return uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        http=partial(Connection, room=Descriptors()),  # type: ignore[arg-type]  # uvicorn only calls it
        ws="none",  # nothing here speaks WebSocket: an offer of it is ignored like any other
        backlog=4_096,  # connections of a burst between two turns of the loop; Linux allows as many by default
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(settings.grace),
        server_header=False,
    )
