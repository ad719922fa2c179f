"""Every route declares what it needs its caller to be allowed."""

from __future__ import annotations

import re
from typing import Any, get_args

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from backend.accounts.caller import LOCAL, Caller, Callers
from backend.accounts.needs import Need, Needs, declare_public, needs
from backend.app import create_app
from backend.errors import Forbidden
from backend.settings import ApiSettings

PLACEHOLDER = re.compile(r"\{[^}]*\}")
# A new route that anybody may call is added here on purpose, or its test fails.
PUBLIC = {
    *("/docs", "/docs/oauth2-redirect", "/openapi.json", "/static-offline-docs"),
    *("/health", "/health/live", "/health/ready", "/api/health", "/metrics/streams"),
    "/api/version",
    *("RunningRoute", "SiteRoute"),
}
OPERATE = {"/health/detailed", "/api/create", "/api/copy", "/api/delete", "/api/push", "/api/pull"}


def declared(route: BaseRoute) -> set[Need]:
    own: Need | None = getattr(route, "need", None)
    calls = [dependency.call for dependency in route.dependant.dependencies] if isinstance(route, APIRoute) else []
    return {call.need for call in calls if isinstance(call, Needs)} | ({own} if own else set())


def routes_of(app: FastAPI) -> list[tuple[str, BaseRoute]]:
    """Each with its path; a route that is none of FastAPI's, and has no path, with the name of its class."""
    return [(named(context), context.original_route) for context in iter_route_contexts(app.routes)]


def named(context: RouteContext) -> str:
    return context.path or getattr(context.original_route, "path", None) or type(context.original_route).__name__


def undeclared(app: FastAPI) -> list[str]:
    return [path for path, route in routes_of(app) if len(declared(route)) != 1]


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(ApiSettings(_env_file=None))  # type: ignore[call-arg]


def test_every_route_declares_one_need_of_the_closed_set(app: FastAPI) -> None:
    assert undeclared(app) == []
    used = {need for _, route in routes_of(app) for need in declared(route)}
    assert used == set(get_args(Need))


def test_the_public_routes_are_these_and_no_others(app: FastAPI) -> None:
    assert {path for path, route in routes_of(app) if declared(route) == {"public"}} == PUBLIC


def test_what_concerns_all_tenants_needs_an_operator(app: FastAPI) -> None:
    operators = {path for path, route in routes_of(app) if declared(route) == {"operate"}}
    assert operators >= OPERATE | {path for path, _ in routes_of(app) if path.startswith("/api/admin/")}


async def test_a_caller_who_may_not_is_refused_before_anything_is_done(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app has no services here: a handler that ran would fail at the first that it looks for."""
    monkeypatch.setattr(Needs, "__call__", refused)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for context in iter_route_contexts(app.routes):
            if declared(context.original_route) != {"public"}:
                path = PLACEHOLDER.sub("x", str(context.path))
                for method in context.methods or ():
                    answer = await client.request(method, path, json={} if method in ("POST", "PUT", "PATCH") else None)
                    assert answer.status_code == 403, (method, path, answer.text)


async def refused(self: Needs, request: Request) -> Caller:
    raise Forbidden("This caller may not.", "not_allowed")


async def nothing() -> None: ...


async def answer(request: Any) -> None: ...


def test_a_route_that_declares_nothing_is_found() -> None:
    router = APIRouter(prefix="/inner")
    router.add_api_route("/forgotten", nothing)
    router.add_api_route("/declared", nothing, dependencies=[needs("chat")])
    app = FastAPI(openapi_url=None)
    declare_public(app.routes)
    app.include_router(router)
    app.include_router(router, prefix="/outer")
    app.router.routes += [Route("/plain", answer)]
    assert undeclared(app) == ["/inner/forgotten", "/outer/inner/forgotten", "/plain"]


def test_two_needs_on_one_route_are_found() -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/both", nothing, dependencies=[needs("chat"), needs("operate")])
    assert undeclared(app) == ["/both"]


async def test_the_caller_of_a_request_is_found_once_and_is_what_its_route_hands_on() -> None:
    scopes: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    async def never(*args: Any) -> Any:
        raise AssertionError

    await Callers(inner)({"type": "http"}, never, never)
    assert await Needs("chat")(Request(scopes[0])) == LOCAL
