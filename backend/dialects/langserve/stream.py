"""LangServe's `/stream`: chunks of an AI message as SSE, byte for byte what its own route would send for them.

event: metadata
data: {"run_id":"<job id>"}

id: 1-7
event: data
data: {"content":"Hello", …, "type":"AIMessageChunk", …}

`end` closes an answer that is whole; `error` (`status_code`, `message`, and our `code`) any other. Two things are ours,
and its clients skip both: an `id:` where an event of the log has been sent in full, which `/api/jobs/{id}/events` takes
as `Last-Event-ID`, and further `metadata` events that carry our own event as `sluice`.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
from langchain_ollama.chat_models import _get_tool_calls_from_response as tool_calls_of

from backend.dialects.common.translation import Translation
from backend.dialects.ollama.answer import final, partial
from backend.errors import ApiError
from wire.events import EventId, LogEntry
from wire.ids import JobId

PLAIN = {"type", "text", "n"}  # a token with these fields and no others is text


class LangServeEvents(Translation):
    """The events of one stream in LangServe's format.

    `reasoning`: thoughts are sent. `news`: the caller takes text back; it gets thoughts, and other events than tokens
    as they are in the log. A chunk's `tokens` is how many of the model's tokens it is, where it is several.
    """

    def __init__(self, job: JobId, model: str, reasoning: bool, news: bool) -> None:
        super().__init__(flowing=True, takes_back=news)
        self._job = job
        self._model = model
        self._reasoning = reasoning or news
        self._news = news
        self._empty = empty_chunk(job)
        self._after_text = orjson.dumps(self._empty).removeprefix(b'{"content":""')
        after_text = self._after_text.replace(b"%", b"%%")
        self._text_format = b'id: %%d-%%d\nevent: data\ndata: {"content":%%b%b\n\n' % after_text

    def opening(self) -> bytes:
        return b'event: metadata\ndata: {"run_id":"%b"}\n\n' % self._job.encode()

    def _plain(self, id: EventId, literal: bytes) -> bytes:
        self._begun = True
        attempt, seq = id
        return self._text_format % (attempt, seq, literal)

    def _token(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        self._begun = True
        if fields.keys() <= PLAIN:
            text = orjson.dumps(fields.get("text", ""))
            if self._news and "n" in fields:
                text += b',"tokens":%d' % fields["n"]
            return self._id_line(entry) + b'event: data\ndata: {"content":%b%b\n\n' % (text, self._after_text)
        return self._id_line(entry) + data_frame({**self._empty, **self._unusual(fields)})

    def _unusual(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields in which a chunk with thoughts, tool calls or logprobs differs from an empty one."""
        chunk: dict[str, Any] = {"content": fields.get("text", "")}
        if self._news and "n" in fields:
            chunk["tokens"] = fields["n"]
        if self._reasoning and fields.get("thinking"):
            chunk["additional_kwargs"] = {"reasoning_content": fields["thinking"]}
        if "logprobs" in fields:
            chunk["response_metadata"] = {"logprobs": fields["logprobs"]}
        if fields.get("tool_calls"):
            chunk |= call_fields(partial(self._model, fields))
        return chunk

    def _queued(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return self._id_line(entry) + self._metadata(entry.body)

    def _started(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return self._id_line(entry) + self._metadata(entry.body) if self._news else b""

    def _restarted(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return self._id_line(entry) + self._metadata(entry.body)

    def _completed(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        news = self._metadata(entry.body) if self._news else b""
        return news + self._end(fields) + self._id_line(entry) + b"event: end\ndata:\n\n"

    def _failed(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return (self._metadata(entry.body) if self._news else b"") + super()._failed(entry, fields)

    def _end(self, fields: dict[str, Any]) -> bytes:
        """LangChain's two last chunks: the answer's cost, and an empty chunk that is marked as the last."""
        chunk = final(self._model, fields)
        del chunk["message"]
        input_tokens, output_tokens = chunk["prompt_eval_count"], chunk["eval_count"]
        usage = {
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "total_tokens": input_tokens + output_tokens,
        }
        about = {**chunk, "model_name": self._model, "model_provider": "ollama"}
        cost = {**self._empty, "response_metadata": about, "usage_metadata": usage}
        return data_frame(cost) + data_frame({**self._empty, "chunk_position": "last"})

    def _metadata(self, event: bytes) -> bytes:
        return b'event: metadata\ndata: {"run_id":"%b","sluice":%b}\n\n' % (self._job.encode(), event)

    def keep_alive(self) -> bytes:
        """The metadata again, which its clients skip."""
        return self.opening()

    def broken(self, error: ApiError) -> bytes:
        self.done = True
        body = {"status_code": error.status, "message": error.message, "code": error.code}
        return b"event: error\ndata: %b\n\n" % orjson.dumps(body)


def empty_chunk(job: JobId) -> dict[str, Any]:
    """An AI message chunk without any content, in LangChain's order of fields."""
    return {
        "content": "",
        "additional_kwargs": {},
        "response_metadata": {},
        "type": "AIMessageChunk",
        "name": None,
        "id": f"lc_run--{job}",
        "tool_calls": [],
        "invalid_tool_calls": [],
        "usage_metadata": None,
        "tool_call_chunks": [],
        "chunk_position": None,
    }


def call_fields(chunk: dict[str, Any]) -> dict[str, Any]:
    """An Ollama chunk's tool calls as LangChain writes them: whole, and once more as parts that can be added up."""
    calls = tool_calls_of(chunk)
    parts = [
        {
            "name": call["name"],
            "args": json.dumps(call["args"]),
            "id": call["id"],
            "index": None,
            "type": "tool_call_chunk",
        }
        for call in calls
    ]
    return {"tool_calls": calls, "tool_call_chunks": parts}


def data_frame(chunk: dict[str, Any]) -> bytes:
    return b"event: data\ndata: %b\n\n" % orjson.dumps(chunk, option=orjson.OPT_UTC_Z)
