"""OpenAI's JSON: the request body of a job. No input or output here."""

from __future__ import annotations

from typing import Any

import orjson

from ollama_worker.engines.binding import check_binding
from ollama_worker.engines.grammar import check_grammar
from ollama_worker.engines.images import data_url
from ollama_worker.engines.llama_cpp_patterns import with_known_patterns
from ollama_worker.engines.openai_servers import COMMON, LLAMA_CPP, VLLM, Server
from ollama_worker.engines.tool_calls import arguments_of, name_of, with_ids
from wire.records import JobRequest, Message

# The mark by which Google accepts a call that none of its models has signed, by its guide to thought signatures.
UNSIGNED = {"google": {"thought_signature": "skip_thought_signature_validator"}}
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def chat_body(ask: JobRequest, server: Server) -> dict[str, Any]:
    """The body for `/chat/completions`, streamed."""
    body = {"model": ask.model, "messages": messages_of(ask, server), **STREAMED}
    body |= sampling(ask, server) | tools_of(ask, server) | thinking_of(ask, server)
    if ask.format is not None:
        body["response_format"] = format_of(enforced(ask.format, server), server.strict_schemas)
    if ask.logprobs:
        body |= {"logprobs": True, "top_logprobs": max(server.tops, ask.top_logprobs or 0)}
    return body


def completion_body(ask: JobRequest, server: Server) -> dict[str, Any]:
    """The body for `/completions`, streamed: the prompt as it is, without a template."""
    body = {"model": ask.model, "prompt": ask.prompt or "", **STREAMED, **sampling(ask, server)}
    if ask.suffix:
        body["suffix"] = ask.suffix
    if ask.format is not None:
        body |= bare_format_of(ask.format, server)
    if ask.logprobs:
        body["logprobs"] = max(server.tops, ask.top_logprobs or 0)
    return body


def embedding_body(ask: JobRequest) -> dict[str, Any]:
    body: dict[str, Any] = {"model": ask.model, "input": ask.inputs, "encoding_format": "float"}
    if ask.dimensions is not None:
        body["dimensions"] = ask.dimensions
    return body


def sampling(ask: JobRequest, server: Server) -> dict[str, Any]:
    """Our options by this server's names; an option that the server does not have is left out.

    Raises `Unsupported` where such an option binds the answer, and `RequestRefused` for a grammar that the server would
    not keep to.
    """
    check_binding(ask, server.binds, server.who)
    if server.who == LLAMA_CPP.who:
        check_grammar(ask)
    names = {name: name for name in COMMON} | dict(server.samplers)
    body = {names[name]: value for name, value in ask.options.items() if name in names}
    if is_seeded(ask):
        body |= server.seeded
    budget = ask.options.get("num_predict")
    if isinstance(budget, int) and budget > 0:  # 0 and below mean "no limit" to Ollama
        body[server.budget] = budget
    return body | binding_of(ask.options, server)


def binding_of(options: dict[str, Any], server: Server) -> dict[str, Any]:
    """The options that hold an answer to a form. vLLM calls them `structured_outputs`, and before 0.12 `guided_…`: each
    version ignores the other's word."""
    binding = {name: options[name] for name in ("grammar", "regex", "logit_bias") if options.get(name) is not None}
    if server.who != VLLM.who:
        return binding
    forms = {name: binding.pop(name) for name in ("grammar", "regex") if name in binding}
    guided = {f"guided_{name}": form for name, form in forms.items()}
    return binding | ({"structured_outputs": forms} if forms else {}) | guided


def is_seeded(ask: JobRequest) -> bool:
    """Whether the seed demands the same answer to the same question; a negative seed demands another each time."""
    seed = ask.options.get("seed")
    return isinstance(seed, int) and seed >= 0


def enforced(wanted: str | dict[str, Any], server: Server) -> str | dict[str, Any]:
    """A format as this server can keep it. Raises `Unsupported` for a pattern that the server does not know."""
    return with_known_patterns(wanted) if server.few_patterns and isinstance(wanted, dict) else wanted


def with_strict_patterns(tool: dict[str, Any]) -> dict[str, Any]:
    """The tool with its schema as `enforced` writes it, where the caller wants it strict. The schema of any other tool
    is only a hint to the model."""
    function = tool.get("function")
    if not isinstance(function, dict) or not function.get("strict") or not isinstance(function.get("parameters"), dict):
        return tool
    return tool | {"function": function | {"parameters": with_known_patterns(function["parameters"])}}


def tools_of(ask: JobRequest, server: Server) -> dict[str, Any]:
    if not ask.tools:
        return {}
    tools = ask.tools
    body: dict[str, Any] = {"tools": list(map(with_strict_patterns, tools)) if server.few_patterns else tools}
    if ask.tool_choice is not None:
        body["tool_choice"] = ask.tool_choice
    if ask.tool_name:
        body["tool_choice"] = {"type": "function", "function": {"name": ask.tool_name}}
    if ask.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = ask.parallel_tool_calls
    return body


def thinking_of(ask: JobRequest, server: Server) -> dict[str, Any]:
    """`think` by this server's names.

    To a server without a switch "do not think" is sent only as the caller's own word for it: models that never think
    refuse such a word.
    """
    if ask.effort in server.efforts:
        return {"reasoning_effort": ask.effort}
    if ask.think is None:
        return {}
    effort = {"reasoning_effort": ask.think} if isinstance(ask.think, str) else {}
    if server.switches_thinking:
        return {"chat_template_kwargs": {"enable_thinking": bool(ask.think)}, **effort}
    return effort or ({"reasoning_effort": "medium"} if ask.think else {})


def format_of(wanted: str | dict[str, Any], strict_schemas: bool = False) -> dict[str, Any]:
    if isinstance(wanted, str):
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": "answer", "schema": wanted}
    if strict_schemas and closed(wanted):
        schema["strict"] = True
    return {"type": "json_schema", "json_schema": schema}


def bare_format_of(wanted: str | dict[str, Any], server: Server) -> dict[str, Any]:
    """The same for `/completions`, where llama.cpp has another name for a schema."""
    if server.who != LLAMA_CPP.who:
        return {"response_format": format_of(wanted, server.strict_schemas)}
    return {"json_schema": {"type": "object"} if isinstance(wanted, str) else enforced(wanted, server)}


def closed(schema: Any) -> bool:
    """Whether every object of a schema requires all that it names and allows nothing else: OpenAI's "strict"."""
    if isinstance(schema, list):
        return all(map(closed, schema))
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        named = set(schema.get("properties") or ())
        if schema.get("additionalProperties") is not False or named != set(schema.get("required") or ()):
            return False
    return all(closed(part) for name, part in schema.items() if name not in ("enum", "const", "default"))


def messages_of(ask: JobRequest, server: Server) -> list[dict[str, Any]]:
    return [_message(message, server) for message in with_ids(ask.messages)]


def _message(message: Message, server: Server) -> dict[str, Any]:
    body: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.thinking and server.switches_thinking:
        body["reasoning_content"] = message.thinking
    if message.tool_calls:
        body["tool_calls"] = [_call(call, server) for call in message.tool_calls]
        body["content"] = body["content"] or None
    if message.tool_call_id:
        body["tool_call_id"] = message.tool_call_id
    return body


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.content
    text = [{"type": "text", "text": message.content}] if message.content else []
    return [*text, *({"type": "image_url", "image_url": {"url": data_url(image)}} for image in message.images)]


def _call(call: dict[str, Any], server: Server) -> dict[str, Any]:
    """A call in this protocol, which keeps arguments as a string of JSON; a job keeps them as an object."""
    function = {"name": name_of(call), "arguments": orjson.dumps(arguments_of(call)).decode()}
    body = {"id": call["id"], "type": "function", "function": function}
    return body | {"extra_content": UNSIGNED} if server.signs_calls else body
