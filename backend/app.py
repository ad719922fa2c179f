"""The app, wired. `python -m backend` serves it. Plain `uvicorn --factory backend.app:create_app` is for development:
it lacks the bounds on connections of backend/entrance/connection.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from backend.accounts.caller import Callers
from backend.accounts.needs import declare_public
from backend.admin.endpoints import router as admin_router
from backend.batches.endpoints import router as batches_router
from backend.batches.runner import running
from backend.dialects.protocols import PROTOCOLS
from backend.entrance import refusal
from backend.entrance.body import BodyLimit
from backend.entrance.context import RequestContext
from backend.entrance.crowd import Crowd
from backend.entrance.guard import Guard
from backend.entrance.protocols import Protocols
from backend.entrance.slashes import TrailingSlashes, first_part
from backend.files.endpoints import router as files_router
from backend.health.endpoints import router as health_router
from backend.house import open_house
from backend.settings import ApiSettings
from backend.site import page
from backend.threads.endpoints import router as threads_router
from wire.logs import configure_logs
from wire.settings import read_settings

ABOUT = "One durable queue in front of all your GPUs. Every answer is a job: watch it, resume it, cancel it."

# Rooms that are no client protocol.
ROUTERS = (threads_router, admin_router, health_router, files_router, batches_router)
BODIES_HELD = 64  # of the largest size: a process of 1 GiB has room for so many of 8 MB, and for what is made of them
# The headers of an answer that a page of another origin may read.
EXPOSED = [
    *("X-Sluice-Job", "X-Sluice-Route", "X-Sluice-Queue-Position"),
    *("X-Sluice-Context-Messages", "X-Sluice-Cache"),
    *("X-Request-ID", "Retry-After", "Content-Disposition"),
]


def create_app(settings: ApiSettings | None = None) -> FastAPI:
    """An app whose clients are opened in its lifespan. `settings` None: read from the environment."""
    settings = settings or read_settings(ApiSettings)
    configure_logs(settings.log_level, "api")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with open_house(settings) as house, running(house.runner):
            yield house.services

    app = FastAPIOffline(
        title="Sluice",
        version=version("sluice"),
        summary=ABOUT,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
    )
    declare_public(app.routes)  # at this point the routes of the documentation alone
    api = _add_routes(app)
    page.install(app, settings.page_dir, api, elsewhere=settings.page == "elsewhere")
    refusal.install(app)
    _add_middleware(app, settings, api)
    return app


def _add_routes(app: FastAPI) -> frozenset[str]:
    """The first parts of the paths that are the API's: of its documents, its protocols, its other rooms."""
    routers = [router for protocol in PROTOCOLS for router in (*protocol.routers, *protocol.make_routers())]
    api = first_parts([*app.routes, *(route for router in (*routers, *ROUTERS) for route in router.routes)])
    for router in (*routers, *ROUTERS):
        app.include_router(router)
    for protocol in PROTOCOLS:
        app.router.routes.extend(protocol.routes)
    return api


def first_parts(routes: Iterable[BaseRoute]) -> frozenset[str]:
    """`/v1/models` → `v1`, of each route that has a path."""
    return frozenset(first_part(path) for route in routes if (path := getattr(route, "path", "")))


def _add_middleware(app: FastAPI, settings: ApiSettings, api: frozenset[str]) -> None:
    """The last added is outermost: context, slashes, guard, CORS, callers, crowd, the body's bound."""
    app.add_middleware(refusal.ErrorBoundary, development=settings.development)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, file_limit=settings.max_file_bytes)
    app.add_middleware(
        Crowd,
        max_requests=settings.max_requests,
        max_pending=settings.max_pending,
        max_bytes=BODIES_HELD * settings.max_body_bytes,
    )
    app.add_middleware(Callers)
    origins = settings.cors_allow_origins
    readable = partial(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["*"],
        expose_headers=EXPOSED,
    )
    if origins:
        app.add_middleware(readable)
    app.add_middleware(Guard, hosts=settings.hosts, origins=origins, readable=readable if origins else None)
    app.add_middleware(TrailingSlashes, api=api)
    app.add_middleware(RequestContext, protocols=Protocols(PROTOCOLS))
