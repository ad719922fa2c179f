"""Requests that are right, one or more for each route that takes a body: what mutations start from."""

from __future__ import annotations

import copy
import json
from typing import Any, NamedTuple

MODEL = "qwen2.5:0.5b"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"location": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["location"],
}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "weather", "parameters": SCHEMA}}
PART = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}}
GREETING = "Hello"
HELLO = {"role": "user", "content": GREETING}


class Shape(NamedTuple):
    path: str
    body: dict[str, Any]


OPENAI_CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"location": "Oslo"}'}}
OPENAI_TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "What is this?"}, PART]},
    {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
]
OPENAI = (
    Shape("/v1/chat/completions", {"model": MODEL, "messages": [HELLO], "stream": True}),
    Shape(
        "/v1/chat/completions",
        {
            "model": MODEL,
            "messages": OPENAI_TALK,
            "tools": [TOOL],
            "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
            "parallel_tool_calls": True,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_completion_tokens": 20,
        },
    ),
    Shape(
        "/v1/chat/completions",
        {
            "model": MODEL,
            "messages": [HELLO],
            "n": 1,
            "response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}},
            "reasoning_effort": "low",
            "logprobs": True,
            "top_logprobs": 2,
            "stop": ["x"],
            "seed": 1,
            "temperature": 0.5,
            "top_p": 0.9,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.1,
            "logit_bias": {"5": 1},
            "user": "me",
        },
    ),
    Shape(
        "/v1/chat/completions",
        {
            "model": MODEL,
            "messages": [{"role": "User", "content": [{"type": "file", "file": {"file_data": "aGk="}}]}],
            "n": 2,
            "seed": 1,
            "max_tokens": -1,
            "top_k": 40,
            "repetition_penalty": 1.1,
            "reasoning": {"effort": "low"},
            "chat_template_kwargs": {"enable_thinking": False},
            "tools": [{"type": "custom", "custom": {"name": "sql"}}, TOOL],
            "structured_outputs": {"json": SCHEMA},
        },
    ),
    Shape("/v1/completions", {"model": MODEL, "prompt": "Hello", "max_tokens": 5, "logprobs": 1, "echo": False}),
    Shape("/v1/completions", {"model": MODEL, "prompt": ["a", ""], "n": 2, "best_of": 2, "echo": True, "stream": True}),
    Shape("/v1/completions", {"model": MODEL, "prompt": "", "suffix": "b", "guided_json": '{"type": "object"}'}),
    Shape("/v1/embeddings", {"model": MODEL, "input": ["a", "b"], "encoding_format": "base64", "dimensions": 8}),
    Shape("/v1/embeddings", {"model": MODEL, "input": [[1, 2, 3], [4]]}),
    Shape(
        "/v1/responses",
        {
            "model": MODEL,
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}],
            "instructions": "Be brief.",
            "tools": [{"type": "function", "name": "get_weather", "parameters": SCHEMA}],
            "text": {"format": {"type": "text"}},
            "reasoning": {"effort": "low"},
            "max_output_tokens": 20,
            "background": False,
            "store": True,
        },
    ),
    Shape("/v1/responses", {"model": MODEL, "input": "Hello", "stream": True}),
    Shape(
        "/v1/responses",
        {
            "model": MODEL,
            "input": [
                {"type": "item_reference", "id": f"msg_{'0' * 32}"},
                {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "x"},
                {
                    "type": "custom_tool_call_output",
                    "call_id": "c1",
                    "output": [{"type": "input_file", "file_data": "aGk=", "filename": "a.txt"}],
                },
            ],
            "tools": [{"type": "namespace", "name": "agents", "tools": []}, {"type": "web_search"}],
            "reasoning": {"summary": "none"},
        },
    ),
    Shape("/v1/responses/input_tokens", {"model": MODEL, "input": "Hello", "instructions": "Be brief."}),
    Shape(
        "/v1/batches",
        {"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"},
    ),
)

OLLAMA_TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is this?", "images": [PIXEL]},
    {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "get_weather", "arguments": {"a": 1}}}]},
    {"role": "tool", "tool_name": "get_weather", "content": "sunny"},
]
OPTIONS = {"temperature": 0.5, "top_k": 5, "top_p": 0.9, "seed": 1, "num_predict": 5, "num_ctx": 512, "stop": ["x"]}
OLLAMA = (
    Shape("/api/chat", {"model": MODEL, "messages": [HELLO], "stream": True, "keep_alive": "5m"}),
    Shape(
        "/api/chat",
        {"model": MODEL, "messages": OLLAMA_TALK, "tools": [TOOL], "options": OPTIONS, "think": "low", "stream": False},
    ),
    Shape(
        "/api/chat",
        {"model": MODEL, "messages": [HELLO], "format": SCHEMA, "logprobs": True, "top_logprobs": 2, "stream": False},
    ),
    Shape(
        "/api/generate",
        {
            "model": MODEL,
            "prompt": "Hello",
            "suffix": "",
            "system": "Be brief.",
            "images": [PIXEL],
            "options": OPTIONS,
            "raw": False,
            "format": "json",
            "stream": False,
        },
    ),
    Shape("/api/embed", {"model": MODEL, "input": ["a", "b"], "truncate": True, "dimensions": 8, "options": OPTIONS}),
    Shape("/api/embeddings", {"model": MODEL, "prompt": "Hello", "keep_alive": 5}),
    Shape("/api/show", {"model": MODEL, "verbose": True}),
)

ANTHROPIC_TALK = [
    {"role": "user", "content": [{"type": "text", "text": "What is this?"}]},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"a": 1}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "sunny"}]},
]
OTHERS = (
    Shape("/v1/messages", {"model": MODEL, "max_tokens": 20, "messages": [HELLO], "stream": True}),
    Shape(
        "/v1/messages",
        {
            "model": MODEL,
            "max_tokens": 2000,
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": ANTHROPIC_TALK,
            "tools": [{"name": "get_weather", "input_schema": SCHEMA}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "stop_sequences": ["x"],
            "temperature": 0.5,
            "metadata": {"user_id": "me"},
        },
    ),
    Shape("/v1/messages/count_tokens", {"model": MODEL, "messages": [HELLO]}),
    Shape("/api/v1/local-llm/generate", {"prompt": "Hello", "system_prompt": "Be brief.", "max_tokens": 5}),
    Shape("/api/lc/chat/stream", {"input": {"messages": [HELLO]}, "config": {"configurable": {"model": MODEL}}}),
)
SHAPES = (*OPENAI, *OLLAMA, *OTHERS)
VECTORS = ("/v1/embeddings", "/api/embed", "/api/embeddings")


def asked_of(chat: str, embed: str, orders: tuple[str, ...] = ()) -> tuple[Shape, ...]:
    """All shapes, with these models named in them; then again with each order instead of the greeting."""
    named = tuple(_asked(shape, embed if shape.path in VECTORS else chat) for shape in SHAPES)
    return (*named, *(_ordering(shape, order) for order in orders for shape in named if shape.path not in VECTORS))


def _asked(shape: Shape, model: str) -> Shape:
    body = copy.deepcopy(shape.body)
    for holder in (body, body.get("config", {}).get("configurable", {})):
        if "model" in holder:
            holder["model"] = model
    return Shape(shape.path, body)


def _ordering(shape: Shape, order: str) -> Shape:
    written = json.dumps(shape.body).replace(json.dumps(GREETING), json.dumps(order))
    return Shape(shape.path, json.loads(written))
