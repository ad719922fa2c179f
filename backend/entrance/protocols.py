"""Which client protocol a request speaks: looked up once, by the request's path and headers, before anything else.

The rooms of backend/dialects describe their protocols in these records, and the app hands the records in: the entrance
imports no dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from fastapi import APIRouter
from starlette.routing import BaseRoute
from starlette.types import Scope

from backend.errors import ApiError

SPOKEN = "sluice.protocol"  # in a request's scope


class Refusal(NamedTuple):
    """An error in one protocol's own words."""

    status: int
    body: dict[str, Any]


class Refuse(Protocol):
    """How a protocol writes an error."""

    def __call__(self, error: ApiError, request_id: str) -> Refusal: ...


class ClientProtocol(NamedTuple):
    """A protocol that clients speak here: its routes, and everything that the entrance does differently for it.

    `prefixes`: how its paths begin; where the prefixes of two protocols fit a path, the longer prefix counts.
    `routers`, `routes`: what the app serves, the second for routes that no router of FastAPI's holds; `make_routers`:
    further ones, which are made with the app, since making them costs or changes this process. `doors`: the names of
    its doors, which stand in the records of its jobs.

    `number_paths`: how those paths begin whose bodies may hold long lists of numbers, of token ids. `upload_paths`:
    their POST is a form with a file. `pages`: paths of HTML pages whose links are relative, so that the path keeps its
    slash. `bare_forms`: JSON that calls itself a form is read, as `curl -d` sends it.

    `mark`: a header, in lower case, that only clients of this protocol send; b"" for none. `shared`: how
    those paths of another protocol begin on which such a client is answered in this protocol. `id_headers`: further
    names, beside `X-Request-ID`, under which such clients look for the request's id.
    """

    name: str
    prefixes: tuple[str, ...]
    refuse: Refuse
    routers: tuple[APIRouter, ...] = ()
    routes: tuple[BaseRoute, ...] = ()
    make_routers: Callable[[], tuple[APIRouter, ...]] = tuple
    doors: tuple[str, ...] = ()
    number_paths: tuple[str, ...] = ()
    upload_paths: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    bare_forms: bool = False
    mark: bytes = b""
    shared: tuple[str, ...] = ()
    id_headers: tuple[bytes, ...] = ()


def our_refusal(error: ApiError, request_id: str) -> Refusal:
    """An error in our own shape: `{"error": {"code", "message", "request_id"}}`."""
    return Refusal(error.status, {"error": {"code": error.code, "message": error.message, "request_id": request_id}})


OURS = ClientProtocol("", (), our_refusal)  # of all paths that no protocol has


class Protocols:
    """All protocols that are spoken here, to be looked up by a request."""

    def __init__(self, protocols: Iterable[ClientProtocol]) -> None:
        every = tuple(protocols)
        pairs = [(prefix, protocol) for protocol in every for prefix in protocol.prefixes]
        self._by_prefix = sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)
        self._marked = [protocol for protocol in every if protocol.mark]

    def at(self, path: str) -> ClientProtocol:
        """The protocol of a path."""
        return next((protocol for prefix, protocol in self._by_prefix if path.startswith(prefix)), OURS)

    def of(self, scope: Scope) -> ClientProtocol:
        """The protocol of a request: on a path that two protocols share, the sender's."""
        path = own_path(scope)
        return next((sender for sender in self._senders(scope) if path.startswith(sender.shared)), self.at(path))

    def id_headers(self, scope: Scope) -> tuple[bytes, ...]:
        """Under which further names an answer has the request's id: the path's protocol's, and the sender's."""
        protocols = [self.at(own_path(scope)), *self._senders(scope)]
        return tuple(dict.fromkeys(name for protocol in protocols for name in protocol.id_headers))

    def _senders(self, scope: Scope) -> list[ClientProtocol]:
        names = {name for name, _ in scope["headers"]}
        return [protocol for protocol in self._marked if protocol.mark in names]


def spoken(scope: Scope) -> ClientProtocol:
    """The protocol of the request being served, as the outermost middleware looked it up."""
    protocol: ClientProtocol = scope.get(SPOKEN, OURS)
    return protocol


def own_path(scope: Scope) -> str:
    """A request's path, without what a proxy put in front of it."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def is_upload(scope: Scope) -> bool:
    """Whether the request's body is a form with a file."""
    return scope["method"] == "POST" and own_path(scope) in spoken(scope).upload_paths


def takes_numbers(scope: Scope) -> bool:
    """Whether the request's body may have long lists of numbers."""
    return own_path(scope).startswith(spoken(scope).number_paths)
