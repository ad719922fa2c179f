"""`/v1/files` by the official client, on SQLite and PostgreSQL: two API processes, one set of files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from sqlalchemy import func, select, update

from backend.files.names import as_attachment, safe_name
from backend.files.service import CHUNK, UNFINISHED_MS, Files, NewFile, in_chunks
from backend.moments import now_ms
from backend.store.database import Database
from backend.store.tables import file_chunks, files
from tests.backend.conversations import FOREIGN, KINDS, history_house
from tests.backend.openai_calls import openai_client
from tests.support.house import House, MakesHouse

LIMIT = 3 * CHUNK  # small, so that a file beyond it is sent at once
LINES = b'{"custom_id": "a"}\n'


@pytest.fixture(scope="module", params=KINDS)
def home(request: pytest.FixtureRequest, module_house: MakesHouse) -> House:
    return history_house(request, module_house, apis=2, SLUICE_MAX_FILE_BYTES=str(LIMIT))


@pytest.fixture
async def client(home: House) -> AsyncIterator[AsyncOpenAI]:
    async with openai_client(home.apis[0]) as client:
        yield client


@pytest.fixture
async def other_client(home: House) -> AsyncIterator[AsyncOpenAI]:
    """A client of the second API process."""
    async with openai_client(home.apis[1]) as client:
        yield client


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_file_is_found_by_another_api_process(client: AsyncOpenAI, other_client: AsyncOpenAI) -> None:
    data = os.urandom(2 * CHUNK + 17)
    made = await client.files.create(file=("lines.jsonl", data), purpose="batch")
    assert (made.filename, made.bytes, made.purpose, made.status) == ("lines.jsonl", len(data), "batch", "processed")
    assert await other_client.files.retrieve(made.id) == made
    assert (await other_client.files.content(made.id)).content == data
    assert made.id in [file.id async for file in other_client.files.list()]
    assert (await other_client.files.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError) as gone:
        await client.files.content(made.id)
    assert gone.value.code == "file_not_found"


async def test_a_file_of_exactly_the_limit_is_kept_and_one_byte_more_is_a_413(client: AsyncOpenAI, home: House) -> None:
    made = await client.files.create(file=("whole.bin", bytes(LIMIT)), purpose="user_data")
    assert made.bytes == LIMIT
    before = await count_chunks(home)
    with pytest.raises(openai.APIStatusError) as refused:
        await client.files.create(file=("more.bin", bytes(LIMIT + 1)), purpose="user_data")
    assert refused.value.status_code == 413
    assert "SLUICE_MAX_FILE_BYTES" in refused.value.message
    assert await count_chunks(home) == before, "a file that was refused has left something behind"


async def test_a_body_far_over_the_limit_is_refused_before_it_is_read(home: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", home.api.port)
    head = ("POST /v1/files HTTP/1.1", "Host: localhost", "Content-Type: multipart/form-data; boundary=x")
    writer.write("\r\n".join((*head, f"Content-Length: {10**12}", "", "")).encode())
    assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_lists_are_paged_in_both_orders_and_by_purpose(client: AsyncOpenAI) -> None:
    made = [(await client.files.create(file=(f"{n}.jsonl", LINES), purpose="evals")).id for n in range(5)]
    newest_first = [file.id async for file in client.files.list(purpose="evals", limit=2)]
    oldest_first = [file.id async for file in client.files.list(purpose="evals", limit=2, order="asc")]
    assert oldest_first == newest_first[::-1] and sorted(oldest_first) == sorted(made)
    page = await client.files.list(purpose="evals", limit=2)
    assert page.has_more and len(page.data) == 2
    with pytest.raises(openai.BadRequestError):
        await client.files.list(after="file-unknown")


FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no file": ({"purpose": "batch"}, {"other": b"x"}),
    "no purpose": ({}, {"file": ("a", b"x")}),
    "a wrong purpose": ({"purpose": "mischief"}, {"file": ("a", b"x")}),
    "two files": ({"purpose": "batch"}, {"file": ("a", b"x"), "more": ("b", b"x")}),
    "a text for a file": ({"purpose": "batch", "file": "x"}, {"other": b"x"}),
    "a wrong expiry": ({"purpose": "batch", "expires_after[seconds]": "5"}, {"file": ("a", b"x")}),
}


@pytest.mark.parametrize("wrong", FORMS)
async def test_a_wrong_form_is_a_400(plain: httpx.AsyncClient, wrong: str) -> None:
    fields, sent = FORMS[wrong]
    answer = await plain.post("/v1/files", data=fields, files=sent)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"--x", 400),
        ("multipart/form-data; boundary=x", b"nothing of the kind", 400),
        ("application/json", b"{}", 400),
        ("text/plain", b"{}", 415),
    ],
)
async def test_an_upload_that_is_no_form_is_refused(
    plain: httpx.AsyncClient, kind: str, body: bytes, status: int
) -> None:
    answer = await plain.post("/v1/files", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text


FIELD = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b--\r\n'


@pytest.mark.parametrize("charset", ["undefined", "hex", "nobodys"])
async def test_a_form_in_an_unknown_charset_is_a_400(plain: httpx.AsyncClient, charset: str) -> None:
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    answer = await plain.post("/v1/files", content=FIELD, headers={"Content-Type": kind})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_no_other_path_takes_a_form(plain: httpx.AsyncClient) -> None:
    for path in ("/v1/batches", "/v1/files/file-1", "/api/chat"):
        answer = await plain.post(path, files={"file": ("a", b"x")})
        assert answer.status_code == 415, path


async def test_another_tenants_file_is_not_there(home: House, plain: httpx.AsyncClient) -> None:
    foreign = await put(home, NewFile(FOREIGN, "theirs.jsonl", "batch"))
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        answer = await plain.request(method, f"/v1/files/{foreign}{path}")
        assert answer.status_code == 404, (method, path)
    assert foreign not in (await plain.get("/v1/files")).text
    assert (await plain.get("/v1/files", params={"after": foreign})).status_code == 400


async def test_an_expired_file_is_not_there(client: AsyncOpenAI, home: House) -> None:
    kept = await client.files.create(
        file=("kept.txt", b"x"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert kept.expires_at is not None and kept.expires_at - kept.created_at == 3600
    gone = await put(home, NewFile("local", "gone.txt", "user_data", expires_at=1))
    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve(gone)


async def test_a_sweep_deletes_expired_and_half_written_files(home: House) -> None:
    database = Database(home.env["DATABASE_URL"])
    there = Files(database, LIMIT)
    try:
        await there.store(NewFile("local", "half", "batch", "file-half"), pieces(b"x"))
        await there.store(NewFile("local", "new", "batch", "file-new"), pieces(b"x"))
        expired = await put(home, NewFile("local", "gone.txt", "user_data", expires_at=1))
        async with database.write() as tx:
            began = now_ms() - UNFINISHED_MS - 1
            await tx.execute(update(files).where(files.c.id == "file-half").values(created_at=began))
        await there.sweep()
        async with database.read() as tx:
            left = {row.id for row in await tx.execute(select(files.c.id))}
            chunks = {row.file_id for row in await tx.execute(select(file_chunks.c.file_id))}
    finally:
        await database.close()
    assert not {"file-half", expired} & (left | chunks)
    assert "file-new" in left, "a file that is being received was taken away"


async def test_a_name_is_cleaned(client: AsyncOpenAI) -> None:
    made = await client.files.create(file=("../../etc/pass|wd\u202e.txt", b"x"), purpose="user_data")
    assert made.filename == "pass wd .txt"
    parsed = (await client.files.content(made.id)).response.headers["content-disposition"]
    assert parsed == as_attachment(made.filename)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a.jsonl", "a.jsonl"),
        ("C:\\users\\ann\\a.jsonl", "a.jsonl"),
        ("../../etc/passwd", "passwd"),
        ("..", "file"),
        ("", "file"),
        ("a\x00b\nc", "a b c"),
        ("\u202egnp.exe", "gnp.exe"),
        ("x" * 1000, "x" * 200),
        ("größe.txt", "größe.txt"),
    ],
)
def test_a_file_name_keeps_what_is_safe(given: str, kept: str) -> None:
    assert safe_name(given) == kept


async def test_where_a_chunk_ends_depends_on_the_bytes_alone() -> None:
    data = os.urandom(2 * CHUNK + 5)
    first = [chunk async for chunk in in_chunks(pieces(data))]
    many = [chunk async for chunk in in_chunks(pieces(*(data[n : n + 1000] for n in range(0, len(data), 1000))))]
    assert first == many and list(map(len, first)) == [CHUNK, CHUNK, 5]


async def put(home: House, new: NewFile) -> str:
    """Write a file into SQL, past the API. Returns its id."""
    database = Database(home.env["DATABASE_URL"])
    name = "file-" + os.urandom(16).hex()
    try:
        there = Files(database, LIMIT)
        await there.show(name, await there.store(new._replace(id=name), pieces(b"x")))
    finally:
        await database.close()
    return name


async def count_chunks(home: House) -> int:
    database = Database(home.env["DATABASE_URL"])
    try:
        async with database.read() as tx:
            return int(await tx.scalar(select(func.count()).select_from(file_chunks)) or 0)
    finally:
        await database.close()
