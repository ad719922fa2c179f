"""Callers of `/v1/batches` for tests: files of lines, a batch until it has ended, and what its files hold."""

from __future__ import annotations

from typing import Any

import orjson
from openai import AsyncOpenAI
from openai.types import Batch

from backend.batches.answers import job_of
from tests.support.truth import Truth
from tests.support.waiting import eventually

CHAT = "/v1/chat/completions"
ENDED = ("completed", "failed", "expired", "cancelled")


def a_line(custom_id: str, prompt: str, **more: Any) -> dict[str, Any]:
    """A chat's."""
    body = {"messages": [{"role": "user", "content": prompt}]}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body, **more}


def jsonl(*lines: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


async def begin(client: AsyncOpenAI, data: bytes, endpoint: Any = CHAT, **more: Any) -> Batch:
    file = await client.files.create(file=("lines.jsonl", data), purpose="batch")
    return await client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more)


async def until(client: AsyncOpenAI, name: str, *statuses: str, within: float = 30) -> Batch:
    async def look() -> Batch | None:
        batch = await client.batches.retrieve(name)
        return batch if batch.status in statuses else None

    return await eventually(look, within, f"{name} is {' or '.join(statuses)}")


async def run(client: AsyncOpenAI, data: bytes, endpoint: Any = CHAT) -> Batch:
    return await until(client, (await begin(client, data, endpoint)).id, *ENDED)


async def lines_of(client: AsyncOpenAI, file: str | None) -> list[dict[str, Any]]:
    """Of an output or error file; none where there is none."""
    content = (await client.files.content(file)).content if file else b""
    return [orjson.loads(line) for line in content.splitlines()]


async def jobs_of(truth: Truth, batch: Batch | str, count: int) -> list[str]:
    """The states of the jobs of the first `count` lines; "" for a job that never was."""
    name = batch if isinstance(batch, str) else batch.id
    records = [await truth.jobs.record(job_of(name, line)) for line in range(count)]
    return [record.state if record else "" for record in records]


def said_in(answer: dict[str, Any]) -> str:
    """The text of a chat's line."""
    return str(answer["response"]["body"]["choices"][0]["message"]["content"])


def words(count: int) -> str:
    return " ".join(f"w{n}" for n in range(count))
