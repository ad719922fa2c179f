"""The official `openai` client: files and batches."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.clients.asking import user
from tests.clients.served import Served
from tests.support.waiting import eventually

DIALECT = "OpenAI batches"
ENDED = ("completed", "failed", "cancelled", "expired")


@pytest.fixture
async def client(served: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def lines(*bodies: dict[str, Any]) -> bytes:
    """A batch's file: a request a line."""
    heads = ({"custom_id": f"n{n}", "method": "POST", "url": "/v1/chat/completions"} for n in range(len(bodies)))
    return "\n".join(json.dumps({**head, "body": body}) for head, body in zip(heads, bodies, strict=True)).encode()


async def ended(client: openai.AsyncOpenAI, batch: str) -> Any:
    async def look() -> Any:
        retrieved = await client.batches.retrieve(batch)
        return retrieved if retrieved.status in ENDED else None

    return await eventually(look, 20, "the batch has ended")


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="files")
async def test_files(client: openai.AsyncOpenAI) -> None:
    made = await client.files.create(file=("asked.jsonl", b"{}\n"), purpose="batch")
    assert (made.filename, made.bytes, made.purpose) == ("asked.jsonl", 3, "batch")
    assert (await client.files.content(made.id)).content == b"{}\n"
    assert made.id in {file.id async for file in client.files.list()}
    assert (await client.files.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve(made.id)


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="batch")
async def test_a_batch_answers_each_line(client: openai.AsyncOpenAI, served: Served) -> None:
    def asks(text: str, model: str = served.models.chat) -> dict[str, Any]:
        return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 9, "temperature": 0}

    refused = asks("!fault context") if served.scripted else asks("hi", "nobody:7b")
    bodies = [*(asks(f"number {n}") for n in range(8)), refused]
    file = await client.files.create(file=("asked.jsonl", lines(*bodies)), purpose="batch")
    made = await client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    batch = await ended(client, made.id)
    assert batch.status == "completed"
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (9, 8, 1)
    answers = [json.loads(line) for line in (await client.files.content(batch.output_file_id)).text.splitlines()]
    contents = {entry["custom_id"]: entry["response"]["body"]["choices"][0]["message"]["content"] for entry in answers}
    assert contents.keys() == {f"n{n}" for n in range(8)} and all(contents.values())
    assert contents == {f"n{n}": f"You said: number {n}" for n in range(8)} or not served.scripted
    wrong = [json.loads(line) for line in (await client.files.content(batch.error_file_id)).text.splitlines()]
    assert [entry["custom_id"] for entry in wrong] == ["n8"]


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="cancel by asking")
async def test_a_batch_is_cancelled(client: openai.AsyncOpenAI, served: Served) -> None:
    endless = {"model": served.models.chat, "messages": user("!tokens 100000"), "temperature": 0}
    file = await client.files.create(file=("asked.jsonl", lines(endless, endless)), purpose="batch")
    made = await client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    await client.batches.cancel(made.id)
    assert (await ended(client, made.id)).status == "cancelled"


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="errors")
async def test_what_cannot_be_a_batch(client: openai.AsyncOpenAI) -> None:
    with pytest.raises((openai.BadRequestError, openai.NotFoundError)):
        await client.batches.create(
            input_file_id="file-nothing", endpoint="/v1/chat/completions", completion_window="24h"
        )
