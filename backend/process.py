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
    """Serve until a signal comes, or explain the settings where `--help` asks for that."""
    if "--help" in sys.argv or "-h" in sys.argv:
        print(__doc__, describe_settings(ApiSettings), sep="\n\n")
        return
    # An inherited LangSmith setting would send prompts to a server of strangers.
    os.environ["LANGSMITH_TRACING"] = os.environ["LANGCHAIN_TRACING_V2"] = "false"
    settings = read_settings(ApiSettings)
    raise_limit()
    server = uvicorn.Server(config_of(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        # Heeds them until uvicorn listens to signals itself, which raises them again once it has shut down: being told
        # to stop is no failure, so the process then exits with 0.
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    server.run()


def config_of(settings: ApiSettings) -> uvicorn.Config:
    """How the server is run. No environment variable of uvicorn's own has a say in whom it believes."""
    return uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        http=partial(Connection, room=Descriptors()),  # type: ignore[arg-type]  # uvicorn only calls it
        ws="none",  # nothing here speaks WebSocket: an offer of it is ignored like any other
        backlog=4_096,  # what a burst may bring before this process looks again; Linux grants as much unless told less
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(settings.grace),
        server_header=False,
    )
