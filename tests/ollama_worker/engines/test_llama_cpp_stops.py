"""Stop strings are cut here, since llama.cpp does not report which one ended an answer: no letter more or less."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from ollama_worker.engines.base import Finished, Piece
from ollama_worker.engines.llama_cpp_stops import StopReader, with_stop_reader
from ollama_worker.engines.llama_cpp_wire import fault
from ollama_worker.engines.openai_stream import OpenAIReader
from wire.records import JobRequest

TIMINGS = {"cache_n": 3, "prompt_n": 4, "predicted_n": 5}
LETTERS = some.text(alphabet="ab", max_size=6)


def lines(tokens: list[str], logprobs: bool = False) -> list[bytes]:
    chunks: list[dict[str, Any]] = [
        {"choices": [{"delta": {"content": token}} | ({"logprobs": logprob_of(token)} if logprobs else {})]}
        for token in tokens
    ]
    chunks.append({"choices": [{"delta": {}, "finish_reason": "stop"}], "timings": TIMINGS})
    return [*(b"data: " + orjson.dumps(chunk) for chunk in chunks), b"data: [DONE]"]


def logprob_of(token: str) -> dict[str, Any]:
    return {"content": [{"token": token, "logprob": -1.0}]}


def read(stops: list[str], bursts: list[list[bytes]]) -> tuple[str, list[str], Finished]:
    """The text, the tokens that have a logprob, and the end."""
    reader, items = StopReader(OpenAIReader(fault), stops), []
    for burst in bursts:
        for item in reader.read(burst):
            items.append(item)
            if isinstance(item, Finished):
                pieces = [piece for piece in items if isinstance(piece, Piece)]
                entries = [entry["token"] for piece in pieces for entry in piece.logprobs or ()]
                return "".join(piece.text for piece in pieces), entries, item
    raise AssertionError("no end came")


@example(tokens=["ab", "b"], stops=["abb", "b"])
@given(tokens=some.lists(LETTERS, max_size=8), stops=some.lists(LETTERS.filter(bool), min_size=1, max_size=3))
def test_text_ends_before_the_stop_string_that_is_whole_first_however_it_is_cut_into_tokens(
    tokens: list[str], stops: list[str]
) -> None:
    whole = "".join(tokens)
    there = [(whole.find(stop) + len(stop), whole.find(stop), stop) for stop in stops if stop in whole]
    _, first, stop = min(there, default=(0, len(whole), ""))
    text, _, end = read(stops, [[line] for line in lines(tokens)])
    assert text == whole[:first]
    assert end.stop_sequence == stop


@given(tokens=some.lists(LETTERS.filter(bool), max_size=8), stop=LETTERS.filter(bool))
def test_a_token_has_its_logprob_where_the_whole_token_came(tokens: list[str], stop: str) -> None:
    text, entries, _ = read([stop], [[line] for line in lines(tokens, logprobs=True)])
    assert text.startswith("".join(entries)) and entries == tokens[: len(entries)]
    assert not tokens[len(entries) :] or not text.startswith("".join(tokens[: len(entries) + 1]))


def test_the_counts_are_those_of_the_latest_chunk() -> None:
    chunk = b"data: " + orjson.dumps({"choices": [{"delta": {"content": "one stop two"}}], "timings": TIMINGS})
    text, _, end = read([" stop"], [[chunk]])
    assert text == "one"
    assert end[:3] == ("stop", 7, 5) and (end.cached_tokens, end.stop_sequence) == (3, " stop")


@pytest.mark.parametrize("stop", [[], "", None, [""]])
def test_an_answer_without_stop_strings_is_read_as_it_comes(stop: Any) -> None:
    body, answer = {"stop": stop}, OpenAIReader(fault)
    assert with_stop_reader(JobRequest(model="m", options=body), body, answer) == (body, answer)
