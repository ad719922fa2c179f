"""The API, wired. `python -m backend` serves it. Plain `uvicorn --factory backend.app:create_app` is for development:
it lacks what backend/entrance/connection.py guards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from backend.admin.endpoints import router as admin_router
from backend.batches.endpoints import router as batches_router
from backend.batches.runner import batches_running
from backend.dialects.anthropic.endpoints import router as anthropic_router
from backend.dialects.langserve import chain
from backend.dialects.native.endpoints import router as jobs_router
from backend.dialects.native.local_llm_endpoints import router as local_router
from backend.dialects.native.models import router as models_router
from backend.dialects.ollama.endpoints import router as ollama_router
from backend.dialects.ollama.running import RunningRoute
from backend.dialects.openai.endpoints import router as openai_router
from backend.dialects.responses.endpoints import router as responses_router
from backend.entrance import refusal
from backend.entrance.body import BodyLimit
from backend.entrance.context import RequestContext
from backend.entrance.crowd import Crowd
from backend.entrance.guard import Guard
from backend.entrance.slashes import TrailingSlashes
from backend.files.endpoints import router as files_router
from backend.health.endpoints import router as health_router
from backend.house import open_house
from backend.settings import ApiSettings
from backend.site import page
from backend.threads.endpoints import router as threads_router
from wire.logs import configure_logs
from wire.settings import read_settings

ABOUT = "One durable queue in front of all your GPUs. Every answer is a job: watch it, resume it, cancel it."

BODIES_HELD = 64  # of the largest size: a process of 1 GiB holds so many of 8 MB, and what is made of them
# What a page of another origin may read of an answer.
EXPOSED = [
    *("X-Sluice-Job", "X-Sluice-Route", "X-Sluice-Queue-Position"),
    *("X-Sluice-Context-Messages", "X-Sluice-Cache"),
    *("X-Request-ID", "Retry-After", "Content-Disposition"),
]


def create_app(settings: ApiSettings | None = None) -> FastAPI:
    """An app whose clients are born in its lifespan. Settings are read from the environment when not given."""
    settings = settings or read_settings(ApiSettings)
    configure_logs(settings.log_level, "api")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with open_house(settings) as house, batches_running(house):
            app.state.house = house
            yield house.services

    app = FastAPIOffline(
        title="Sluice",
        version=version("sluice"),
        summary=ABOUT,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in (
        ollama_router,
        jobs_router,
        threads_router,
        models_router,
        admin_router,
        health_router,
        files_router,
        batches_router,
        responses_router,
        openai_router,
        anthropic_router,
        local_router,
    ):
        app.include_router(router)
    chain.install(app, settings)
    app.router.routes.append(RunningRoute())
    page.install(app, settings.page_dir, elsewhere=settings.page == "elsewhere")
    refusal.install(app)
    _add_middleware(app, settings)
    return app


def _add_middleware(app: FastAPI, settings: ApiSettings) -> None:
    """The last added is outermost: context, then the path's slash, the guard, CORS, the crowd, the body's bound."""
    app.add_middleware(refusal.ErrorBoundary, development=settings.development)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, file_limit=settings.max_file_bytes)
    app.add_middleware(
        Crowd,
        max_requests=settings.max_requests,
        max_pending=settings.max_pending,
        max_bytes=BODIES_HELD * settings.max_body_bytes,
    )
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
    app.add_middleware(TrailingSlashes)
    app.add_middleware(RequestContext)
