"""The caller of a request, and whose budget the request is charged to. On loopback, without accounts, every caller is
the same local one.

The caller is found once, by `Callers`, behind the guard. From there on the caller is an argument: a handler gets it
from what its route needs (backend/accounts/needs.py), and hands it to the services.
"""

from __future__ import annotations

from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from wire.ids import LOCAL_PRINCIPAL, PrincipalId, TenantId

_PLACE = "sluice.caller"  # of the caller in the scope of a request


class Caller(NamedTuple):
    """Several principals may share a tenant, and with it its budget and its turn in the queue."""

    principal: PrincipalId
    tenant: TenantId


LOCAL = Caller(LOCAL_PRINCIPAL, TenantId("local"))


class Callers:
    """Middleware behind the guard: puts the caller of each request into the request's scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[_PLACE] = LOCAL
        await self._app(scope, receive, send)


def caller_in(scope: Scope) -> Caller:
    """The caller that `Callers` found for this request."""
    caller: Caller = scope[_PLACE]
    return caller
