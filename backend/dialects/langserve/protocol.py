"""LangServe's protocol, as the entrance and the app see it."""

from __future__ import annotations

from backend.dialects.langserve.chain import PREFIX, make_routers
from backend.entrance.protocols import ClientProtocol, our_refusal

LANGSERVE = ClientProtocol(
    name="langserve",
    prefixes=(PREFIX,),
    refuse=our_refusal,
    make_routers=make_routers,
    pages=(f"{PREFIX}/playground",),
)
