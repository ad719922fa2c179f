"""The head of a GGUF file that anybody may have written: its facts, or the error that the file is no GGUF file."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from ollama_worker.engines import gguf_file
from ollama_worker.engines.gguf_file import NotGguf, read_facts

STRING, LIST, UINT32, FLOAT, BOOL = 8, 9, 4, 6, 7
HUGE = (2**63, 2**64 - 1, 2**40, 2**31)


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def fact(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def head(*facts: bytes, count: int | None = None) -> bytes:
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, len(facts) if count is None else count) + b"".join(facts)


ARCHITECTURE = fact(b"general.architecture", STRING, text(b"llama"))
CONTEXT = b"llama.context_length"
NESTED = struct.pack("<IQ", LIST, 1) * 20_000
HEADS = {
    "a count of facts": head(count=2**64 - 1),
    "a length of a key": struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, 2**63),
    "a length of a string": head(fact(b"a", STRING, struct.pack("<Q", 2**62))),
    "a list of strings": head(fact(b"a", LIST, struct.pack("<IQ", STRING, 2**40))),
    "a list of numbers": head(fact(b"a", LIST, struct.pack("<IQ", UINT32, 2**63))),
    "a list of bytes": head(fact(b"a", LIST, struct.pack("<IQ", 0, 2**64 - 1))),
    "lists in lists": head(fact(b"a", LIST, NESTED)),
    "a kind that is none": head(fact(b"a", 99, b"")),
    "a list of a kind that is none": head(fact(b"a", LIST, struct.pack("<IQ", 99, 3)) + bytes(40)),
    "nothing": b"",
    "another file": b"<html>" * 10,
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_promises_more_than_it_has_is_refused_at_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(HEADS[name])
    tracemalloc.start()
    with pytest.raises(NotGguf, match=r"m\.gguf"):
        read_facts(tmp_path / "m.gguf")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (STRING, text(b"abc")),
        (FLOAT, struct.pack("<f", float("inf"))),
        (FLOAT, struct.pack("<f", float("nan"))),
        (BOOL, b"\x01"),
        (11, struct.pack("<q", -5)),
        (10, struct.pack("<Q", 2**63)),
        (LIST, struct.pack("<IQ", STRING, 1) + text(b"x")),
    ],
)
def test_a_context_length_that_is_none_is_not_known(kind: int, value: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(head(ARCHITECTURE, fact(CONTEXT, kind, value)))
    assert read_facts(tmp_path / "m.gguf").context_length == 0


def test_a_sparse_file_of_many_gigabytes_is_no_head_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a large file is no bound: the head has a bound of its own."""
    monkeypatch.setattr(gguf_file, "MOST_BYTES", 2**20)
    with (tmp_path / "m.gguf").open("wb") as file:
        file.write(head(fact(b"a", LIST, struct.pack("<IQ", STRING, 2**30))))
        file.truncate(2**33)
    with pytest.raises(NotGguf):
        read_facts(tmp_path / "m.gguf")


WHOLE = head(
    ARCHITECTURE,
    fact(CONTEXT, UINT32, struct.pack("<I", 4096)),
    fact(b"tokenizer.chat_template", STRING, text(b"{{ messages }}")),
    fact(b"tokenizer.ggml.tokens", LIST, struct.pack("<IQ", STRING, 2) + text(b"<PRE>") + text(b"\xff")),
    fact(b"tokenizer.ggml.scores", LIST, struct.pack("<IQ", FLOAT, 2) + bytes(8)),
)


def test_a_whole_head_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(WHOLE + bytes(100))
    assert read_facts(tmp_path / "m.gguf")[:3] == (4096, "{{ messages }}", False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(
    at=some.integers(0, len(WHOLE) - 1),
    put=some.one_of(
        some.binary(max_size=24), some.sampled_from(HUGE).map(lambda number: struct.pack("<Q", number & (2**64 - 1)))
    ),
    kept=some.integers(0, len(WHOLE)),
)
@example(at=16, put=struct.pack("<Q", 2**64 - 1), kept=len(WHOLE))
def test_any_head_is_read_or_refused(at: int, put: bytes, kept: int, tmp_path: Path) -> None:
    data = (WHOLE[:at] + put + WHOLE[at + len(put) :])[:kept]
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    try:
        facts = read_facts(path)
    except NotGguf:
        pass
    else:
        assert 0 <= facts.context_length <= gguf_file.LONGEST_CONTEXT
