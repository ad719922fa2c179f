"""LangServe's routes over the real queue, as its own client and a bare one see them."""

from __future__ import annotations

import asyncio
import json
import signal
import time
import uuid
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import httpx
import orjson
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langserve import RemoteRunnable

from tests.backend.conversations import LONG
from tests.backend.pictures import PNG
from tests.support.house import House, Houses, MakesHouse
from tests.support.listener import words
from tests.support.remote import remote_runnable
from tests.support.sse import Stream, open_stream
from tests.support.truth import Truth, truth_of
from tests.support.valkey import Valkey
from tests.support.waiting import eventually

CHAT = "/api/lc/chat"
JOB_ROUTES = ("invoke", "stream", "stream_events", "stream_log")
STREAMS = ("stream", "stream_events", "stream_log")


def says(text: str, **configurable: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"input": {"messages": [{"role": "user", "content": text}]}}
    return {**body, "config": {"configurable": configurable}} if configurable else body


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    """For all tests that change nothing of it: with more slots than they use."""
    return module_house(SLUICE_SLOTS="16")


@pytest.fixture
async def http(home: House) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=home.url + CHAT, timeout=20) as client:
        yield client


@pytest.fixture
async def remote(home: House) -> AsyncIterator[RemoteRunnable[Any, Any]]:
    async with remote_runnable(home.url + CHAT) as runnable:
        yield runnable


async def kinds(stream: Stream) -> list[str]:
    """The names of a stream's events, to its end."""
    return [frame.event async for frame in stream.frames()]


# -- LangServe's own client --------------------------------------------------------------------------------------


async def test_invoke(remote: RemoteRunnable[Any, Any]) -> None:
    answer = await remote.ainvoke({"messages": [HumanMessage("!tokens 5")]})
    assert isinstance(answer, AIMessage)
    assert answer.content == words(5)
    assert answer.usage_metadata is not None and answer.usage_metadata["output_tokens"] == 5
    assert answer.response_metadata["done_reason"] == "stop"


async def test_batch(remote: RemoteRunnable[Any, Any]) -> None:
    inputs = [{"messages": [HumanMessage(f"!tokens {n}")]} for n in (3, 1, 2)]
    answers = await remote.abatch(inputs)
    assert [answer.content for answer in answers] == [words(3), words(1), words(2)]


async def test_stream(remote: RemoteRunnable[Any, Any]) -> None:
    chunks = [chunk async for chunk in remote.astream({"messages": [HumanMessage("!tokens 6")]})]
    whole = sum(chunks[1:], chunks[0])
    assert isinstance(whole, AIMessageChunk)
    assert whole.content == words(6)
    assert whole.usage_metadata is not None and whole.usage_metadata["output_tokens"] == 6
    assert whole.chunk_position == "last"


def test_without_asyncio(remote: RemoteRunnable[Any, Any]) -> None:
    assert "".join(chunk.content for chunk in remote.stream({"messages": [HumanMessage("!tokens 4")]})) == words(4)
    assert remote.invoke({"messages": [HumanMessage("!tokens 4")]}).content == words(4)


async def test_stream_events(remote: RemoteRunnable[Any, Any]) -> None:
    events = [event async for event in remote.astream_events({"messages": [HumanMessage("!tokens 4")]}, version="v2")]
    said = [event["data"]["chunk"].content for event in events if event["event"] == "on_chat_model_stream"]
    assert "".join(said) == words(4)


async def test_stream_log(remote: RemoteRunnable[Any, Any]) -> None:
    final: Any = None
    async for patch in remote.astream_log({"messages": [HumanMessage("!tokens 4")]}):
        final = patch if final is None else final + patch
    assert final.state["final_output"].content == words(4)


async def test_options_reach_the_engine(remote: RemoteRunnable[Any, Any]) -> None:
    config: Any = {"configurable": {"num_predict": 2, "temperature": 0, "seed": 7}}
    answer = await remote.ainvoke({"messages": [HumanMessage("!tokens 5")]}, config=config)
    assert answer.content == words(2)
    assert answer.response_metadata["done_reason"] == "length"


async def test_thoughts_come_where_they_are_requested(remote: RemoteRunnable[Any, Any]) -> None:
    asked = {"messages": [HumanMessage("hi")]}
    thinking = await remote.ainvoke(asked, config={"configurable": {"reasoning": True}})
    assert "simulated" in thinking.additional_kwargs["reasoning_content"]
    chunks = [chunk async for chunk in remote.astream(asked, config={"configurable": {"reasoning": True}})]
    assert any(chunk.additional_kwargs.get("reasoning_content") for chunk in chunks)
    assert "reasoning_content" not in (await remote.ainvoke(asked)).additional_kwargs


async def test_every_input_of_a_batch_has_its_own_options(remote: RemoteRunnable[Any, Any]) -> None:
    asked = {"messages": [HumanMessage("!tokens 5")]}
    configs: Any = [{"configurable": {"num_predict": n}} for n in (1, 2)]
    assert [a.content for a in await remote.abatch([asked, asked], config=configs)] == [words(1), words(2)]


async def test_the_client_raises_a_stream_s_error_with_its_status(remote: RemoteRunnable[Any, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError) as raised:
        _ = [chunk async for chunk in remote.astream({"messages": [HumanMessage("!fault context_too_long after 2")]})]
    assert raised.value.response.status_code == 413


# -- forms of a message ------------------------------------------------------------------------------------------

CALL = {"name": "f", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
OPENAI_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
ASK = "!tokens 2"
FORMS: dict[str, list[Any]] = {
    "role and content": [{"role": "user", "content": ASK}],
    "type and content": [{"type": "human", "content": ASK}],
    "a pair": [["human", ASK]],
    "a text": [ASK],
    "serialized": [HumanMessage(ASK).model_dump()],
    "a constructor": [HumanMessage(ASK).to_json()],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, {"role": "user", "content": ASK}],
    "a chunk of an earlier answer": [["human", "hi"], AIMessageChunk(content="Hello.").model_dump(), ["human", ASK]],
    "tools": [
        {"role": "user", "content": ASK},
        {"type": "ai", "content": "", "tool_calls": [CALL]},
        {"type": "tool", "content": "12", "tool_call_id": "c1"},
    ],
    "tools as OpenAI has them": [
        {"role": "user", "content": ASK},
        {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]},
        {"role": "tool", "content": "12", "tool_call_id": "c1"},
    ],
    "an image": [
        {"role": "user", "content": [{"type": "text", "text": "hi"}, IMAGE]},
        {"role": "user", "content": ASK},
    ],
    "a developer's word": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": ASK}],
}


@pytest.mark.parametrize("messages", FORMS.values(), ids=FORMS.keys())
async def test_messages_come_in_many_forms(http: httpx.AsyncClient, messages: list[Any]) -> None:
    answer = await http.post("/invoke", json={"input": {"messages": messages}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["output"]["content"].endswith(words(2))


# -- refusals ----------------------------------------------------------------------------------------------------


def with_messages(*messages: Any) -> dict[str, Any]:
    return {"input": {"messages": list(messages)}}


USER = {"role": "user", "content": "hi"}
WRONG: dict[str, Any] = {
    "an empty body": b"",
    "broken JSON": b'{"input": ',
    "no object": [1],
    "no input": {},
    "input is a text": {"input": "hi"},
    "no messages": {"input": {}},
    "an empty list": with_messages(),
    "messages is a text": {"input": {"messages": "hi"}},
    "an unknown role": with_messages({"role": "wizard", "content": "hi"}),
    "an unknown type": with_messages({"type": "wizard", "content": "hi"}),
    "a chat message of any role": with_messages({"type": "chat", "role": "wizard", "content": "hi"}),
    "a function message": with_messages({"type": "function", "name": "f", "content": "hi"}),
    "a message to remove": with_messages({"type": "remove", "id": "1", "content": ""}),
    "content is a number": with_messages({"role": "user", "content": 5}),
    "content has a part without a text": with_messages({"role": "user", "content": [{"type": "text"}]}),
    "content has an unknown part": with_messages({"role": "user", "content": [{"type": "video", "url": "x"}]}),
    "no content": with_messages({"role": "user"}),
    "a message is null": with_messages(None),
    "a message is a number": with_messages(3),
    "three in a pair": with_messages(["human", "hi", "there"]),
    "a constructor of something else": with_messages(
        {"lc": 1, "type": "constructor", "id": ["langchain", "prompts", "PromptTemplate"], "kwargs": {"template": "x"}}
    ),
    "an image that would have to be fetched": with_messages(
        {"role": "user", "content": [{"type": "image_url", "image_url": "https://example.com/cat.png"}]}
    ),
    "a result without a call": with_messages({"role": "tool", "content": "12", "tool_call_id": "c1"}),
    "a call without arguments": with_messages(
        USER, {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
    ),
    "a NUL": with_messages({"role": "user", "content": "a\0b"}),
    "a lone surrogate": b'{"input": {"messages": [{"role": "user", "content": "\\ud800"}]}}',
    "NaN": b'{"input": {"messages": ["hi"]}, "config": {"configurable": {"temperature": NaN}}}',
    "too hot": says("hi", temperature=11),
    "a temperature in words": says("hi", temperature="warm"),
    "top_p above one": says("hi", top_p=1.5),
    "an unknown format": says("hi", format="xml"),
    "an unknown way to reason": says("hi", reasoning="hardly"),
    "tools that are none": says("hi", tools=["hammer"]),
    "a seed beyond 64 bits": json.dumps(says("hi", seed=2**70)).encode(),
    "configurable is a list": {**says("hi"), "config": {"configurable": []}},
    "config is a text": {**says("hi"), "config": "hot"},
    "too many messages": with_messages(*[USER] * 10_000),
    "nested without end": b'{"input": {"messages": ["hi"]}, "config": ' + b'{"a":' * 300 + b"1" + b"}" * 301,
    "names that are no list": {**says("hi"), "include_names": 5},
}


@pytest.mark.parametrize("route", JOB_ROUTES)
@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_request_is_a_422_and_no_job(
    http: httpx.AsyncClient, truth: Truth, body: Any, route: str
) -> None:
    jobs = await truth.states()
    sent = body if isinstance(body, bytes) else orjson.dumps(body)
    answer = await http.post(f"/{route}", content=sent, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert set(answer.json()["error"]) == {"code", "message", "request_id"}
    assert "x-sluice-job" not in answer.headers
    assert await truth.states() == jobs


BATCH = {"inputs": [with_messages(USER)["input"]] * 2}
WRONG_BATCHES = {
    "no inputs": {},
    "inputs is an object": {"inputs": {"messages": [USER]}},
    "an empty list": {"inputs": []},
    "more than a hundred": {"inputs": BATCH["inputs"] * 60},
    "more messages than one chat may have": {"inputs": [with_messages(*[USER] * 1_500)["input"]] * 2},
    "a config too many": {**BATCH, "config": [{}, {}, {}]},
    "one of two is wrong": {"inputs": [{"messages": [USER]}, {"messages": [{"role": "wizard", "content": ""}]}]},
    "one config of two is wrong": {**BATCH, "config": [{}, {"configurable": {"top_k": -2}}]},
}


@pytest.mark.parametrize("body", WRONG_BATCHES.values(), ids=WRONG_BATCHES.keys())
async def test_a_wrong_batch_is_a_422_and_no_job(http: httpx.AsyncClient, truth: Truth, body: Any) -> None:
    jobs = await truth.states()
    answer = await http.post("/batch", json=body)
    assert answer.status_code == 422, answer.text
    assert await truth.states() == jobs


@pytest.mark.parametrize("route", JOB_ROUTES)
async def test_an_unknown_model_is_a_404_that_explains_how_to_get_it(http: httpx.AsyncClient, route: str) -> None:
    answer = await http.post(f"/{route}", json=says("hi", model="nobody:7b"))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert "ollama pull nobody:7b" in answer.json()["error"]["message"]


@pytest.mark.parametrize("route", JOB_ROUTES)
async def test_a_wrong_disconnect_header_is_a_422(http: httpx.AsyncClient, route: str) -> None:
    answer = await http.post(f"/{route}", json=says("hi"), headers={"X-Sluice-On-Disconnect": "maybe"})
    assert answer.status_code == 422


async def test_a_full_queue_is_a_429_everywhere(house: Houses) -> None:
    full = await house(workers=0, QUEUE_MAX_DEPTH="2")
    async with httpx.AsyncClient(base_url=full.url + CHAT) as http:
        # A batch of three finds room for two: none of them is left behind.
        batch = await http.post("/batch", json={"inputs": BATCH["inputs"] + BATCH["inputs"][:1]})
        assert (batch.status_code, batch.headers["retry-after"]) == (429, "5")
        async with truth_of(full.redis_url) as truth:
            await truth.until_drained()
        one = {"X-Sluice-On-Disconnect": "continue"}
        async with open_stream(f"{full.url}{CHAT}/stream", says("hi"), headers=one) as first:
            async with open_stream(f"{full.url}{CHAT}/stream", says("hi"), headers=one) as second:
                assert (first.status, second.status) == (200, 200)
                for route in JOB_ROUTES:
                    answer = await http.post(f"/{route}", json=says("hi"))
                    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "queue_full_depth"), route


async def test_redis_away_is_a_503_within_a_second(house: Houses, fresh_valkey: Valkey) -> None:
    lonely = await house(redis_url=fresh_valkey.url, workers=0)
    fresh_valkey.kill()
    async with httpx.AsyncClient(base_url=lonely.url + CHAT) as http:
        for route in JOB_ROUTES:
            took = []
            for _ in range(3):
                began = time.monotonic()
                answer = await http.post(f"/{route}", json=says("hi"))
                took.append(time.monotonic() - began)
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "queue_unavailable"), route
            assert min(took) < 1.5, (route, took)  # a loaded machine adds to it, and takes nothing off


# -- jobs --------------------------------------------------------------------------------------------------------


async def test_the_run_is_the_job(http: httpx.AsyncClient, truth: Truth) -> None:
    answer = await http.post("/invoke", json=says("!tokens 1"))
    job = answer.headers["x-sluice-job"]
    assert answer.json()["metadata"]["run_id"] == job
    assert (await truth.record(job)).state == "completed"
    batch = await http.post("/batch", json={"inputs": BATCH["inputs"]})
    assert batch.json()["metadata"]["run_ids"] == batch.headers["x-sluice-job"].split(", ")


@pytest.mark.parametrize("route", STREAMS)
async def test_a_job_is_named_before_its_answer_begins_and_cancelled_when_its_caller_goes(
    house: Houses, route: str
) -> None:
    empty = await house(workers=0)
    async with truth_of(empty.redis_url) as truth:
        async with open_stream(f"{empty.url}{CHAT}/{route}", says("hi")) as stream:
            job = stream.headers["x-sluice-job"]
            assert (stream.status, stream.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
            assert (await truth.record(job)).state == "queued"
        assert (await truth.until_state(job, "cancelled")).why == "client_gone"


@pytest.mark.parametrize("route", STREAMS)
async def test_a_running_job_is_cancelled_when_its_caller_goes(home: House, truth: Truth, route: str) -> None:
    async with open_stream(f"{home.url}{CHAT}/{route}", says("!tokens 1000000")) as stream:
        async for _ in stream.chunks():
            if b"w1" in stream.raw:
                break
    assert (await truth.until_state(stream.headers["x-sluice-job"], "cancelled")).why == "client_gone"


@pytest.mark.parametrize("route", ["invoke", "batch"])
async def test_a_caller_who_leaves_while_waiting_for_the_whole_cancels_too(house: Houses, route: str) -> None:
    empty = await house(workers=0)
    async with httpx.AsyncClient(base_url=empty.url + CHAT) as http:
        asking = asyncio.create_task(http.post(f"/{route}", json=BATCH if route == "batch" else says("hi")))
        accepted = await empty.api.wait_for_action("job.accepted")
        asking.cancel()
    async with truth_of(empty.redis_url) as truth:
        assert (await truth.until_state(accepted["job_id"], "cancelled")).why == "client_gone"
        await truth.until_drained()


@pytest.mark.parametrize("route", STREAMS)
async def test_a_job_runs_on_without_its_caller_if_a_header_wants_that(home: House, truth: Truth, route: str) -> None:
    stays = {"X-Sluice-On-Disconnect": "continue"}
    async with open_stream(f"{home.url}{CHAT}/{route}", says("!tokens 60"), headers=stays) as stream:
        job = stream.headers["x-sluice-job"]
    assert (await truth.until_state(job, "completed")).state == "completed"


@pytest.mark.parametrize("route", ["invoke", "batch"])
async def test_a_failed_job_is_its_status(http: httpx.AsyncClient, route: str) -> None:
    wrong = says("!fault context_too_long")
    body = {"inputs": [says("!tokens 400")["input"], wrong["input"]]} if route == "batch" else wrong
    answer = await http.post(f"/{route}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "context_too_long")
    assert answer.headers["x-sluice-job"]


async def test_a_batch_that_has_failed_is_not_computed_to_its_end(http: httpx.AsyncClient, truth: Truth) -> None:
    texts = ("!tokens 100000", "!fault context_too_long")
    answer = await http.post("/batch", json={"inputs": [says(text)["input"] for text in texts]})
    long, _ = answer.headers["x-sluice-job"].split(", ")
    assert answer.status_code == 413
    await truth.until_state(long, "cancelled")


@pytest.mark.parametrize("route", ["stream_events", "stream_log"])
async def test_a_job_that_fails_in_a_stream_ends_it_properly(home: House, route: str) -> None:
    body = says("!fault context_too_long after 2")
    async with open_stream(f"{home.url}{CHAT}/{route}", body) as stream:
        assert (await kinds(stream))[-1] == "error"  # and the body had its end mark, or this would raise


async def test_one_key_is_one_job(http: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = await http.post("/invoke", json=says("!tokens 3"), headers=key)
    again = await http.post("/invoke", json=says("!tokens 3"), headers=key)
    other = await http.post("/invoke", json=says("!tokens 4"), headers=key)
    assert first.headers["x-sluice-job"] == again.headers["x-sluice-job"]
    assert first.json()["output"]["content"] == again.json()["output"]["content"]
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")


async def test_one_key_names_every_job_of_a_batch(http: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = await http.post("/batch", json=BATCH, headers=key)
    again = await http.post("/batch", json=BATCH, headers=key)
    assert len(set(first.headers["x-sluice-job"].split(", "))) == 2
    assert first.headers["x-sluice-job"] == again.headers["x-sluice-job"]


async def sent_by(asking: Coroutine[Any, Any, httpx.Response], truth: Truth) -> dict[str, Any]:
    """The job's request, read while it runs: it goes with the job's end, and so the job is cancelled here."""
    known = await truth.states()
    answer = asyncio.create_task(asking)

    async def new() -> str | None:
        return next((job for job in await truth.states() if job not in known), None)

    job = await eventually(new, 30, "a job is accepted")
    request: dict[str, Any] = orjson.loads((await truth.record(job)).request)
    await truth.jobs.cancel(job)
    await answer
    return request


async def test_a_conversation_is_trimmed(http: httpx.AsyncClient, truth: Truth) -> None:
    talk = [{"role": role, "content": str(n)} for n in range(15) for role in ("user", "assistant")]
    body = with_messages({"role": "system", "content": "Be brief."}, *talk, {"role": "user", "content": LONG})
    sent = (await sent_by(http.post("/invoke", json=body), truth))["messages"]
    assert [m["role"] for m in sent] == ["system", *["user", "assistant"] * 9, "user"]
    assert (sent[0]["content"], sent[-1]["content"]) == ("Be brief.", LONG)


async def test_a_conversation_is_trimmed_to_the_requested_context(http: httpx.AsyncClient, truth: Truth) -> None:
    body = with_messages(*[{"role": "user", "content": "word " * 300}] * 5, {"role": "user", "content": LONG})
    body["config"] = {"configurable": {"num_ctx": 2048, "num_predict": 500}}
    sent = await sent_by(http.post("/invoke", json=body), truth)
    assert len(sent["messages"]) == 4  # a word is two tokens, at most


# -- the stream --------------------------------------------------------------------------------------------------


async def test_a_stream_resumes_at_the_job_s_events(home: House) -> None:
    async with open_stream(f"{home.url}{CHAT}/stream", says("!tokens 3")) as stream:
        frames = [frame async for frame in stream.frames()]
    assert [frame.event for frame in frames if frame.event != "metadata"] == ["data"] * (len(frames) - 2) + ["end"]
    after = {"Last-Event-ID": next(frame.id for frame in frames if frame.id) or ""}
    events = f"{home.url}/api/jobs/{stream.headers['x-sluice-job']}/events"
    async with open_stream(events, headers=after) as rest:
        assert [frame.id async for frame in rest.frames()] == [frame.id for frame in frames if frame.id][1:]


async def test_a_waiting_caller_learns_its_place(house: Houses) -> None:
    empty = await house(workers=0)
    async with open_stream(f"{empty.url}{CHAT}/stream", says("!tokens 2")) as stream:
        frames = stream.frames()
        opening, news = await anext(frames), await anext(frames)
        assert opening.json() == {"run_id": stream.headers["x-sluice-job"]}
        assert news.event == "metadata"
        assert news.json()["sluice"]["reason"] == "starting_worker"
        empty.start_worker()
        assert [frame.event async for frame in frames][-1] == "end"


async def test_a_stream_may_end_after_sigterm(house: Houses) -> None:
    """sse-starlette alone would cut LangServe's streams at once."""
    leaving = await house()
    async with open_stream(f"{leaving.url}{CHAT}/stream_events", says("!tokens 200")) as stream:
        frames = stream.frames()
        await anext(frames)
        leaving.api.signal(signal.SIGTERM)
        assert [frame async for frame in frames]
    assert stream.raw.endswith(b"event: end\r\n\r\n")
    await leaving.api.wait_for_exit()


# -- beside the chat ---------------------------------------------------------------------------------------------


async def test_schemas(http: httpx.AsyncClient) -> None:
    asked = (await http.get("/input_schema")).json()
    assert asked["properties"]["messages"]["type"] == "array"
    assert (await http.get("/output_schema")).status_code == 200
    configurable = (await http.get("/config_schema")).json()["$defs"]["Configurable"]["properties"]
    assert {"model", "temperature", "num_predict", "stop", "reasoning", "tools"} <= set(configurable)


async def test_the_docs_know_these_routes(home: House) -> None:
    document = await home.api.get("/openapi.json")
    assert document is not None
    paths = document.json()["paths"]
    assert {f"{CHAT}/{route}" for route in (*JOB_ROUTES, "batch")} <= set(paths)


async def test_the_playground_without_its_slash_is_a_redirect_that_names_no_host(http: httpx.AsyncClient) -> None:
    answer = await http.get("/playground")
    assert (answer.status_code, answer.headers["location"]) == (307, "/api/lc/chat/playground/")


async def test_the_playground_is_confined_to_this_server(http: httpx.AsyncClient) -> None:
    page = await http.get("/playground/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "https://" not in page.text
    for source in page.text.split('src="')[1:]:
        script = await http.get(f"http://{http.base_url.netloc.decode()}{source.partition(chr(34))[0]}")
        assert (script.status_code, script.headers["content-type"]) == (200, "application/javascript")


async def test_the_playground_gets_no_schema_that_breaks_it(http: httpx.AsyncClient) -> None:
    """Its script throws at the first `null` among the things an option or a message may be, and draws nothing."""
    page = (await http.get("/playground/")).text
    for name in ("CONFIG_SCHEMA", "INPUT_SCHEMA"):
        [line] = [line for line in page.splitlines() if f"window.{name}" in line]
        assert '"null"' not in line, name
        assert "run_id" not in line, name


async def test_routes_that_langserve_would_offer_and_we_do_not(http: httpx.AsyncClient) -> None:
    for route in ("token_feedback", "feedback", "c/N4XyA/invoke", "c/N4XyA/stream"):
        assert (await http.post(f"/{route}", json=says("hi"))).status_code in (404, 405), route


async def test_no_prompt_goes_to_langsmith(house: Houses) -> None:
    """Whatever the environment says."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.close()

    listener = await asyncio.start_server(hear, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    traced = await house(
        LANGSMITH_TRACING="true",
        LANGSMITH_TRACING_V2="true",
        LANGCHAIN_TRACING_V2="true",
        LANGSMITH_ENDPOINT=endpoint,
        LANGSMITH_API_KEY="key",
    )
    async with httpx.AsyncClient(timeout=20) as http:
        answer = await http.post(f"{traced.url}{CHAT}/invoke", json=says("!tokens 2"))
    assert answer.json()["output"]["content"] == words(2)
    traced.api.term()
    await traced.api.wait_for_exit()  # what waited to be sent has been sent by now
    listener.close()
    assert heard == []
