"""LangServe's protocol, as the entrance and the app see it. The page speaks it, also where the package is missing."""

from __future__ import annotations

from importlib.util import find_spec

from fastapi import APIRouter

from backend.dialects.langserve.endpoints import PREFIX, absent_router, router
from backend.entrance.protocols import ClientProtocol, our_refusal

NEEDED = ("langserve", "backend.dialects.langserve.chain")  # the package, and our file that knows it


def make_routers() -> tuple[APIRouter, ...]:
    """The routes that the LangServe package serves, or those that answer that it is not installed."""
    if not all(map(find_spec, NEEDED)):
        return (absent_router,)
    from backend.dialects.langserve.chain import langserve_router

    return (langserve_router(),)


LANGSERVE = ClientProtocol(
    name="langserve",
    prefixes=(PREFIX,),
    refuse=our_refusal,
    routers=(router,),
    make_routers=make_routers,
    pages=(f"{PREFIX}/playground",),
)
