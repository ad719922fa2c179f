"""What a route needs its caller to be allowed. Every route declares one of these needs, and a test finds a route that
does not.

    public      nothing: also a caller without an account may
    chat        to make an answer; to read, continue and delete one's own responses
    embeddings  to make vectors
    jobs        to read, follow and cancel one's own jobs
    models      to read which models there are
    threads     to read, change and delete one's own conversations
    files       to read, upload and delete one's own files
    batches     to read, start and cancel one's own batches
    operate     to look after the pool: to see and end the jobs of all tenants

Until there are accounts, a caller who passes the guard may do everything: the port is open to this machine only, or to
those whom SLUICE_ALLOW_OPEN lets in on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from fastapi import Depends, Request
from starlette.routing import BaseRoute

from backend.accounts.caller import Caller, caller_in

Need = Literal["public", "chat", "embeddings", "jobs", "models", "threads", "files", "batches", "operate"]


class Needs:
    """A dependency of a route: its value is the caller of the request, who may do what `need` names."""

    def __init__(self, need: Need) -> None:
        self.need = need

    async def __call__(self, request: Request) -> Caller:
        return caller_in(request.scope)


def needs(need: Need) -> Any:
    """For a handler's argument, `caller: Annotated[Caller, needs("chat")]`, or for a router's `dependencies`."""
    return Depends(Needs(need))


def declare_public(routes: Iterable[BaseRoute]) -> None:
    """For routes that are made elsewhere, and need nothing."""
    for route in routes:
        setattr(route, "need", "public")  # noqa: B010 - no class of theirs has it
