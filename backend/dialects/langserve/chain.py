"""`/api/lc/chat`: LangServe's own routes, in the only file that knows the package. To remove it, see
docs/decisions/langserve.md.

The chain is prompt | trim | model, the model being ChatOllama with the queue as its transport. LangServe runs it for
jobs that `routes.py` has let in; `/stream` (`endpoints.py`) speaks LangServe's format without LangServe.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from langchain_core.messages import BaseMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import ConfigurableField, Runnable, RunnableBinding, RunnableConfig, RunnableLambda
from langchain_core.runnables.configurable import RunnableConfigurableFields
from langserve import add_routes
from langserve.server import EndpointName
from pydantic import BaseModel
from sse_starlette.sse import AppStatus, EventSourceResponse

from backend.accounts.needs import needs
from backend.dialects.langserve.door import LetIn
from backend.dialects.langserve.endpoints import PREFIX
from backend.dialects.langserve.model import QueueChat
from backend.dialects.langserve.requests import CONFIGURABLE, ChatInput
from backend.dialects.langserve.routes import LetInFirst
from backend.dialects.langserve.trim import trim
from wire.reader import SILENCE_SECONDS

ENDPOINTS: list[EndpointName] = [  # all but `stream`, which is ours, and feedback, which would go to LangSmith
    *("invoke", "batch", "stream_log", "stream_events"),
    *("input_schema", "output_schema", "config_schema", "config_hashes", "playground"),
]
LET_IN = "let_in"  # where the chain's steps find it in their config
# LangSmith reads any of these, and would send prompts to another company's server.
TRACING = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")


def langserve_router() -> APIRouter:
    """LangServe's own routes, and this process made ready for them."""
    os.environ.update(dict.fromkeys(TRACING, "false"))
    # sse-starlette would cut its streams as soon as SIGTERM comes; they may go on for the grace period, as all do.
    AppStatus.enable_automatic_graceful_drain = False
    EventSourceResponse.DEFAULT_PING_INTERVAL = int(SILENCE_SECONDS)
    router = APIRouter(prefix=PREFIX, route_class=LetInFirst, dependencies=[needs("chat")])
    add_routes(
        router,
        build_chain(),
        config_keys=("configurable", "run_id"),  # a batch drops all others, also those that we set
        per_req_config_modifier=take_member,
        enabled_endpoints=ENDPOINTS,
    )
    # The playground requests schemas by the hash of a config; jobs are made by their bodies alone.
    router.routes = [route for route in router.routes if "/c/{config_hash}/" not in _path(route) or not _posts(route)]
    return router


def build_chain() -> Runnable[Any, Any]:
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("messages")])
    chain: Runnable[Any, Any] = prompt | RunnableLambda(trimmed) | asked_model()
    return Chain(bound=chain, custom_input_type=ChatInput)


class Chain(RunnableBinding):  # type: ignore[type-arg, no-redef]  # with arguments, pydantic makes another class of it
    """The chain as LangServe serves it: callers see what they may set, and not the run's id, which we set."""

    def config_schema(self, *, include: Sequence[str] | None = None) -> type[BaseModel]:
        schema = super().config_schema(include=[key for key in include or () if key != "run_id"])

        class Shown(schema):  # type: ignore[misc, valid-type]  # its base is made at run time
            @classmethod
            def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
                shown: dict[str, Any] = without_nulls(super().model_json_schema(*args, **options))
                return shown

        return Shown


def without_nulls(schema: Any) -> Any:
    """The playground breaks at a `null` in a schema: an option shows the first thing it may be, and no default."""
    if isinstance(schema, list):
        return [without_nulls(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: without_nulls(part) for name, part in schema.items() if not (name == "default" and part is None)}
    first: dict[str, Any] = next((kind for kind in kept.pop("anyOf", []) if kind.get("type") != "null"), {})
    return first | kept


def trimmed(prompt: PromptValue, config: RunnableConfig) -> list[BaseMessage]:
    return trim(prompt.to_messages(), config["configurable"][LET_IN].room)


class AskedModel(RunnableConfigurableFields):  # type: ignore[type-arg]  # with arguments, pydantic refuses the default
    """The model as the caller wants it: made when its job was let in, and not once more."""

    def _prepare(self, config: RunnableConfig | None = None) -> tuple[Runnable[Any, Any], RunnableConfig]:
        member: LetIn | None = (config or {}).get("configurable", {}).get(LET_IN)
        return (member.model, config or {}) if member else super()._prepare(config)


def asked_model() -> AskedModel:
    fields = {
        name: ConfigurableField(id=name, name=name.replace("_", " ").capitalize(), description=about)
        for name, about in CONFIGURABLE.items()
    }
    return AskedModel(default=QueueChat(), fields=fields)


def take_member(config: dict[str, Any], request: Request) -> dict[str, Any]:
    """The config of one run of the chain, whose id is the job's. LangServe calls this for each input, in order."""
    member: LetIn = next(request.state.members)
    return {"configurable": {LET_IN: member}, "run_id": uuid.UUID(member.ticket.job)}


def _path(route: Any) -> str:
    return str(route.path)


def _posts(route: Any) -> bool:
    return "POST" in route.methods
