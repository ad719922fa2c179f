"""A batch's input file, line by line: where a line ends, and what is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.batches import breath
from backend.batches.answers import given_up, job_of
from backend.batches.lines import Checker, NotJsonl, RawLine, raw_lines
from backend.ids import BatchId
from backend.store.rows import LineRow
from tests.backend.batch_calls import CHAT, a_line
from tests.backend.incoming import bounds

BATCH = BatchId("batch_" + "1f" * 16)
LIMIT = 12


async def chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@settings(deadline=None)
@given(
    st.lists(st.binary(max_size=2 * LIMIT).map(lambda line: line.replace(b"\n", b"_")), max_size=6), st.integers(1, 9)
)
async def test_lines_are_the_same_however_the_file_is_cut(lines: list[bytes], size: int) -> None:
    sent = [line async for line in raw_lines(chunks(b"\n".join(lines), size), LIMIT)]
    expected = [
        RawLine(
            number, None if len(line) > LIMIT else line.removeprefix(b"\xef\xbb\xbf" if not number else b"").strip()
        )
        for number, line in enumerate(lines)
        if line.strip() or len(line) > LIMIT
    ]
    assert sent == expected


def row_of(line: dict[str, Any] | bytes, checker: Checker | None = None, number: int = 0) -> LineRow:
    raw = line if isinstance(line, bytes) else orjson.dumps(line)
    return (checker or Checker(BATCH, CHAT, bounds(100))).row(RawLine(number, raw))


def test_a_right_line_waits_with_its_body() -> None:
    row = row_of(a_line("a", "Hi"))
    assert (row.state, row.custom_id, row.answer) == ("waiting", "a", None)
    assert orjson.loads(row.body or "") == a_line("a", "Hi")["body"]


WRONG: dict[str, tuple[dict[str, Any] | bytes, str]] = {
    "no custom id": ({**a_line("a", "x"), "custom_id": None}, "custom_id"),
    "an empty id": (a_line("", "x"), "custom_id"),
    "a number for an id": ({**a_line("a", "x"), "custom_id": 7}, "custom_id"),
    "an endless id": (a_line("a" * 513, "x"), "custom_id"),
    "no method": ({**a_line("a", "x"), "method": None}, "method"),
    "another route": (a_line("a", "x", url="/v1/responses"), "url"),
    "no body": (a_line("a", "x", body=[]), "body"),
    "a body that its route refuses": (a_line("a", "x", body={"messages": [{"role": "king"}]}), "messages[0].role"),
    "more than the route can": (a_line("a", "x", body={**a_line("a", "x")["body"], "n": 2}), "n"),
    "more than any route can": (a_line("a", "x", body={**a_line("a", "x")["body"], "n": 9}), "n"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_line_is_written_into_the_error_file(wrong: str) -> None:
    line, param = WRONG[wrong]
    row = row_of(line)
    sent = orjson.loads(row.answer or "")
    assert (row.state, row.body, sent["error"]) == ("failed", None, None)
    assert sent["response"]["status_code"] == 400 and sent["response"]["body"]["error"]["param"] == param
    assert sent["custom_id"] == row.custom_id


def test_a_line_that_is_too_long_or_too_deep_fails_alone() -> None:
    long = Checker(BATCH, CHAT, bounds(100)).row(RawLine(0, None))
    assert orjson.loads(long.answer or "")["response"]["status_code"] == 413
    deep = row_of(b'{"custom_id": "a", "body": ' + b"[" * 200 + b"]" * 200 + b"}")
    assert orjson.loads(deep.answer or "")["response"]["body"]["error"]["code"] == "nested_too_deep"


def test_a_custom_id_is_used_once_by_lines_that_wait() -> None:
    checker = Checker(BATCH, CHAT, bounds(100))
    states = [row_of(a_line("a", "x", method=method), checker).state for method in ("GET", "POST", "POST")]
    assert states == ["failed", "waiting", "failed"]


@pytest.mark.parametrize("line", [b"{", b"[]", b"7", b"nonsense", b"\xff", b'{"a": NaN}', b'{"a": "\\ud800"}'])
def test_a_text_that_is_no_json_object_is_no_line(line: bytes) -> None:
    with pytest.raises(NotJsonl):
        row_of(line)


def test_a_line_is_one_job_whichever_process_submits_it() -> None:
    names = {job_of(BATCH, line) for line in range(100)}
    assert len(names) == 100 and names == {job_of(BATCH, line) for line in range(100)}
    assert not names & {job_of("batch_" + "2f" * 16, line) for line in range(100)}
    sent = orjson.loads(given_up(BATCH, 3, "a", "expired"))
    assert sent["id"] == f"batch_req_{job_of(BATCH, 3).replace('-', '')}" and sent["error"]["code"] == "batch_expired"


async def test_reading_lines_leaves_the_loop_at_least_half_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of lines that take long to read held the loop for 22.7 s."""
    clock, rests = iter([0.0, 0.2, 10.0, 10.001, 20.0, 20.1]), []

    async def rest(seconds: float) -> None:
        rests.append(round(seconds, 3))

    monkeypatch.setattr(breath, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(breath, "asyncio", SimpleNamespace(sleep=rest, Lock=asyncio.Lock))
    pace = breath.Breath()
    for _ in range(3):
        async with pace.work():
            pass
    assert rests == [0.2, 0.101]


async def test_lines_are_read_one_after_the_other() -> None:
    pace, begun = breath.Breath(), []

    async def read(line: int) -> None:
        async with pace.work():
            begun.append(line)
            await asyncio.sleep(0)
            assert begun[-1] == line

    await asyncio.gather(*map(read, range(10)))
    assert begun == [*range(10)]
