"""The page's route and every turn work where LangServe is not installed, and where its recipe has removed it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from tests.backend.conversations import JOB, NEWS, STREAM, an_id
from tests.support.house import House, MakesHouse
from tests.support.langserve import path_without_langserve, recipe, sources_without_langserve
from tests.support.processes import ROOT
from tests.support.sse import Frame, parse_frames
from tests.support.waiting import eventually

WORDS = ["w0", "w1", "w2"]


@pytest.fixture(scope="module", params=["not installed", "removed"])
def home(request: pytest.FixtureRequest, module_house: MakesHouse, tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("without")
    sources = ROOT if request.param == "not installed" else sources_without_langserve(folder / "tree")
    return module_house(PYTHONPATH=path_without_langserve(folder / "blocked", sources))


@pytest.fixture
async def http(home: House) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=home.url, timeout=60) as http:
        yield http


@pytest.fixture
async def thread(http: httpx.AsyncClient) -> str:
    return str((await http.post("/api/threads", json={})).raise_for_status().json()["id"])


def ids_of_a_turn(thread: str) -> dict[str, Any]:
    return {"thread_id": thread, "parent_id": None, "message_id": an_id(), "answer_id": an_id()}


async def kept(http: httpx.AsyncClient, thread: str, answer: str) -> dict[str, Any]:
    """The answer as the thread has it, once it is complete."""

    async def look() -> dict[str, Any] | None:
        messages = (await http.get(f"/api/threads/{thread}/messages")).json()["messages"]
        return next((one for one in messages if one["id"] == answer and one["status"] == "complete"), None)

    return await eventually(look, 30, "the answer is kept")


def text_of(frames: list[Frame]) -> str:
    return "".join(orjson.loads(frame.data)["content"] for frame in frames if frame.event == "data")


def test_the_recipe_names_files_that_are_there() -> None:
    names = [word for line in recipe().splitlines() if line.startswith("rm ") for word in line.split()[1:]]
    assert names and all((ROOT / name).is_file() for name in names)


async def test_a_first_chat_streams_and_is_kept(http: httpx.AsyncClient, thread: str) -> None:
    turn = ids_of_a_turn(thread)
    body = {"input": {"messages": [{"type": "human", "content": "!tokens 3"}]}, "config": {"configurable": turn}}
    answer = (await http.post(STREAM, json=body, headers=NEWS)).raise_for_status()
    assert text_of(parse_frames(answer.content)).split() == WORDS
    assert (await kept(http, thread, turn["answer_id"]))["text"].split() == WORDS


async def test_an_answer_is_resumed_behind_any_of_its_events(http: httpx.AsyncClient) -> None:
    body = {"input": {"messages": [{"type": "human", "content": "!tokens 3"}]}}
    answer = (await http.post(STREAM, json=body)).raise_for_status()
    [first, *_] = [frame for frame in parse_frames(answer.content) if frame.event == "data"]
    assert first.id is not None
    headers = {"Last-Event-ID": first.id}
    rest = await http.get(f"/api/jobs/{answer.headers[JOB]}/events", headers=headers)
    events = [orjson.loads(frame.data) for frame in parse_frames(rest.content) if frame.data]
    missed = "".join(event.get("text", "") for event in events if event["type"] == "token")
    assert (orjson.loads(first.data)["content"] + missed).split() == WORDS
    assert events[-1]["type"] == "completed"


async def test_a_turn_comes_through_ollama_s_chat_as_well(http: httpx.AsyncClient, thread: str) -> None:
    turn = ids_of_a_turn(thread)
    body = {"messages": [{"role": "user", "content": "!tokens 3"}], "turn": turn, "stream": False}
    answer = (await http.post("/api/chat", json=body)).raise_for_status()
    assert answer.json()["message"]["content"].split() == WORDS
    assert (await kept(http, thread, turn["answer_id"]))["text"].split() == WORDS


@pytest.mark.parametrize("path", ["invoke", "batch", "stream_log", "stream_events"])
async def test_langserve_s_own_routes_say_what_to_install(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.post(f"/api/lc/chat/{path}", json={"input": {"messages": []}})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (501, "not_installed")
    assert "langserve" in error["message"] and error["request_id"]


@pytest.mark.parametrize("path", ["input_schema", "output_schema", "config_schema", "playground/"])
async def test_so_do_its_pages(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(f"/api/lc/chat/{path}")).status_code == 501
