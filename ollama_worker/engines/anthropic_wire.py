"""Anthropic's Messages: the request body of a job. No input or output here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ollama_worker.engines.base import Unsupported
from ollama_worker.engines.binding import check_binding
from ollama_worker.engines.images import kind_of
from ollama_worker.engines.tool_calls import arguments_of, name_of, with_ids
from wire.records import JobRequest, Message

# Anthropic demands a budget. This one is for a model whose maximum is not listed: it is enough for a long answer, and
# every model accepts it.
DEFAULT_BUDGET = 4096
SMALLEST_THOUGHT = 1024  # tokens; Anthropic refuses less
THOUGHTS = {"low": SMALLEST_THOUGHT, "medium": 4096, "high": 16384}  # tokens of thinking
SAMPLERS = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "stop": "stop_sequences"}
NOTHING: Mapping[str, Any] = MappingProxyType({})


def message_body(ask: JobRequest, about: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """The body for `/v1/messages`, streamed. `about` is the model's entry in the list. Raises `Unsupported`."""
    refuse(ask)
    body = prompt_body(ask, about) | {"max_tokens": budget_of(ask, about), "stream": True}
    options = sampling(ask)
    if body.get("thinking", {}).get("type") in ("enabled", "adaptive"):  # Anthropic refuses all others beside a thought
        options = {name: value for name, value in options.items() if name == "stop_sequences"}
    return body | options


def budget_of(ask: JobRequest, about: Mapping[str, Any]) -> int:
    """How many tokens the answer may have, with its thoughts."""
    budget = ask.options.get("num_predict")
    return budget if isinstance(budget, int) and budget > 0 else about.get("max_tokens") or DEFAULT_BUDGET


def prompt_body(ask: JobRequest, about: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """The part of the body that the model reads; `/v1/messages/count_tokens` takes it too."""
    body: dict[str, Any] = {"model": ask.model, "messages": turns_of(ask), **tools_of(ask, about)}
    if system := "\n\n".join(message.content for message in ask.messages if message.role == "system"):
        body["system"] = system
    config: dict[str, Any] = {}
    if ask.format is not None:
        config["format"] = {"type": "json_schema", "schema": ask.format}
    if thinking := thinking_of(ask, about):
        body["thinking"] = thinking
        if thinking["type"] == "adaptive" and isinstance(ask.think, str):
            config["effort"] = ask.think
    return body | ({"output_config": config} if config else {})


def able_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """A model's capabilities by its entry in the list; a proxy may send a list of another shape."""
    able = about.get("capabilities")
    return able if isinstance(able, dict) else {}


def refuse(ask: JobRequest) -> None:
    """Raises `Unsupported` for what no model of Anthropic's has; the message names an engine that has it."""
    check_binding(ask, (), "Anthropic")
    if ask.kind != "chat":
        raise Unsupported(
            "Anthropic goes on behind no bare prompt: use SLUICE_ENGINE=ollama, llama-cpp or openai (vLLM)"
        )
    if ask.logprobs:
        raise Unsupported("Anthropic tells no logprobs: use SLUICE_ENGINE=ollama, llama-cpp or openai")
    if ask.format == "json":
        raise Unsupported(
            "Anthropic keeps to a JSON schema but has no bare JSON mode: send a schema, or use another model"
        )


def sampling(ask: JobRequest) -> dict[str, Any]:
    options = {SAMPLERS[name]: value for name, value in ask.options.items() if name in SAMPLERS}
    if isinstance(options.get("stop_sequences"), str):
        options["stop_sequences"] = [options["stop_sequences"]]
    if "temperature" in options and "top_p" in options:
        del options["top_p"]  # the newer models refuse both at once
    return options


def tools_of(ask: JobRequest, about: Mapping[str, Any]) -> dict[str, Any]:
    """The tools and the choice among them. `strict` is sent only to a model that is listed with it: others refuse
    it."""
    if not ask.tools:
        return {}
    choice: dict[str, Any] = {"type": "any" if ask.tool_choice == "required" else ask.tool_choice or "auto"}
    if ask.tool_name:
        choice = {"type": "tool", "name": ask.tool_name}
    if ask.parallel_tool_calls is not None and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = not ask.parallel_tool_calls
    holds = (able_of(about).get("structured_outputs") or {}).get("supported")
    more = ("description", "strict") if holds else ("description",)
    tools = [_tool(tool.get("function") or {}, more) for tool in ask.tools]
    return {"tools": tools, "tool_choice": choice}


def _tool(function: dict[str, Any], more: Sequence[str]) -> dict[str, Any]:
    tool = {"name": function.get("name", ""), "input_schema": function.get("parameters") or {"type": "object"}}
    return tool | {name: function[name] for name in more if function.get(name)}


def thinking_of(ask: JobRequest, about: Mapping[str, Any]) -> dict[str, Any]:
    """`think` in the form that this model accepts; empty: no thinking.

    There is no thinking in the middle of a turn whose calls are being answered: Anthropic demands the signed thought
    that led to the calls, and a job keeps no signatures. Nor is there any with a forced call: Anthropic refuses both.
    """
    types = (able_of(about).get("thinking") or {}).get("types") or {}
    if not ask.think:
        can = (types.get("disabled") or {}).get("supported")
        return {"type": "disabled"} if ask.think is False and can else {}
    if ask.tool_choice == "required" or (ask.messages and ask.messages[-1].role == "tool"):
        return {}
    if (types.get("adaptive") or {}).get("supported"):
        return {"type": "adaptive", "display": "summarized"}
    room = budget_of(ask, about) - 1  # the thought must leave some for the answer
    thought = min(THOUGHTS.get(str(ask.think), THOUGHTS["medium"]), room)
    return {"type": "enabled", "budget_tokens": thought} if thought >= SMALLEST_THOUGHT else {}


def turns_of(ask: JobRequest) -> list[dict[str, Any]]:
    """User and assistant in turns: the answers of tools are the user's, and all answers of a turn come together."""
    turns: list[dict[str, Any]] = []
    for message in with_ids(ask.messages):
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += _blocks(message)
        else:
            turns.append({"role": role, "content": _blocks(message)})
    return [turn for turn in turns if turn["content"]]


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content}]
    images = [{"type": "image", "source": _source(image)} for image in message.images or ()]
    text = [{"type": "text", "text": message.content}] if message.content.strip() else []  # empty ones are refused
    calls = [
        {"type": "tool_use", "id": call["id"], "name": name_of(call), "input": arguments_of(call)}
        for call in message.tool_calls or ()
    ]
    return [*images, *text, *calls]


def _source(image: str) -> dict[str, str]:
    return {"type": "base64", "media_type": kind_of(image), "data": image}
