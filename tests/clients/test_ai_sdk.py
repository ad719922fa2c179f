"""The AI SDK from npm (`ai`, `@ai-sdk/openai-compatible`) in Node: each question is one run of `node/ask.mjs`."""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.asking import CITIES, EACH_CITY, PERSON, PICTURE, SEEN, words
from tests.clients.served import Served, unique
from tests.support.truth import Truth
from wire.records import JobRequest

DIALECT = "OpenAI chat"
CLIENT = "AI SDK (Node)"
SCRIPT = Path(__file__).parent / "node" / "ask.mjs"


def node() -> str:
    """Whether Node is there; `make node` puts one beside this Python, for machines that have none."""
    places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = shutil.which("node", path=places)
    assert program, "the AI SDK's tests need Node 20 or newer: make node"
    assert (SCRIPT.parent / "node_modules").is_dir(), "its packages are missing: make clients"
    return program


async def ask(served: Served, what: str, prompt: str, **more: Any) -> Any:
    order = {"what": what, "prompt": prompt, "url": served.url, "model": served.models.chat, **more}
    process = await asyncio.create_subprocess_exec(
        node(), str(SCRIPT), json.dumps(order), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


@pytest.mark.any_model
@pytest.mark.shows(dialect=CLIENT, feature="whole answer")
@pytest.mark.shows(dialect=CLIENT, feature="stream")
async def test_whole_and_streamed(served: Served) -> None:
    """A model without wit recites until it is stopped."""
    whole, stream = await asyncio.gather(*(ask(served, what, "!tokens 9", most=20) for what in ("whole", "stream")))
    assert whole["text"] == "".join(stream["pieces"])
    assert len(stream["pieces"]) > 1 or not served.scripted  # a fast model may send all in one piece
    assert whole["finishReason"] == stream["finishReason"]
    assert whole["tokens"] == stream["tokens"]
    answered = (whole["text"], whole["finishReason"], whole["tokens"])
    assert answered == (words(9), "stop", 9) if served.scripted else answered[1:] == ("length", 20)


@pytest.mark.shows(dialect=CLIENT, feature="tools")
@pytest.mark.shows(dialect=CLIENT, feature="tools in a stream")
@pytest.mark.shows(dialect=CLIENT, feature="parallel tool calls")
async def test_parallel_calls_and_their_results(served: Served) -> None:
    whole, stream = await asyncio.gather(*(ask(served, what, EACH_CITY) for what in ("tools", "toolsInAStream")))
    assert whole["calls"] == stream["calls"] == CITIES
    assert whole["steps"] == 2
    assert whole["text"] == stream["text"] == "The tools say: Paris is sunny; Rome is sunny; Oslo is sunny"


@pytest.mark.shows(dialect=CLIENT, feature="structured output")
async def test_structured_output(served: Served) -> None:
    answered = await ask(served, "object", PERSON)
    assert answered["object"] == answered["streamed"] == {"name": "Anna", "age": 31}


@pytest.mark.shows(dialect=CLIENT, feature="vision")
@pytest.mark.shows(dialect=CLIENT, feature="thinking")
async def test_vision_and_thinking(served: Served) -> None:
    seen, thought = await asyncio.gather(
        ask(served, "vision", "What is this?", picture=PICTURE), ask(served, "thinking", "Think.")
    )
    assert seen["text"] == SEEN
    assert "My rules tell" in thought["reasoningText"] and thought["text"] == "You said: Think."


@pytest.mark.shows(dialect=CLIENT, feature="tools")
async def test_a_second_turn_of_the_default_provider_refers_to_the_first(served: Served, truth: Truth) -> None:
    """The first answer comes back as a reference to an item of a stored response, the calls before it in full."""
    before = set(await truth.states())
    answered = await ask(served, "secondTurn", EACH_CITY, next="And now?")
    assert answered["references"], "the client sends ids, not items"
    assert answered["texts"] == ["The tools say: Paris is sunny; Rome is sunny; Oslo is sunny", "You said: And now?"]
    requests = [(await truth.record(job)).request for job in set(await truth.states()) - before]
    last = JobRequest.model_validate_json(max(requests, key=len))
    assert [message.role for message in last.messages] == ["user", "assistant", *["tool"] * 3, "assistant", "user"]
    assert [call["function"]["arguments"] for call in last.messages[1].tool_calls or ()] == [
        {"location": city} for city in CITIES
    ]
    assert last.messages[5].content == answered["texts"][0]


@pytest.mark.any_model
@pytest.mark.shows(dialect=CLIENT, feature="embeddings")
async def test_embeddings(served: Served) -> None:
    answered = await ask(served, "embeddings", "", embed=served.models.embed, texts=["a cat", "a dog", "a cat"])
    one, other, same = answered["embeddings"]
    assert one == same != other
    assert math.hypot(*one) == pytest.approx(1, abs=1e-5)


@pytest.mark.any_model
@pytest.mark.shows(dialect=CLIENT, feature="cancel by closing")
async def test_an_abort_cancels(served: Served, truth: Truth) -> None:
    prompt = unique("!tokens 100000")
    before = set(await truth.states())
    assert (await ask(served, "cancel", prompt))["heard"] >= 3
    [job] = set(await truth.states()) - before  # the job ran too short a while to be seen running
    assert (await truth.until_state(job, "cancelled", "completed")).why == "client_gone"
    await served.hung_up_on(prompt)


@pytest.mark.any_model
@pytest.mark.shows(dialect=CLIENT, feature="errors")
async def test_a_model_that_is_not_there(served: Served) -> None:
    missing = await ask(served, "error", "hi", model="nobody:7b")
    assert (missing["called"], missing["status"]) == (True, 404)
    assert missing["body"]["error"]["code"] == "model_not_found"


@pytest.mark.shows(dialect=CLIENT, feature="errors")
async def test_a_stream_that_breaks(served: Served) -> None:
    broken = await ask(served, "brokenStream", "!fault cut after 3")
    assert broken["error"] and words(3).startswith(broken["heard"])
