"""`/v1/responses` by the official client: whole, streamed, in the background, resumed anywhere, continued, deleted."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response

from backend.dialects.responses.door import DOOR
from tests.backend.incoming import incoming
from tests.backend.openai_calls import openai_client
from tests.backend.recording import BOUNDS
from tests.support.house import House, MakesHouse
from tests.support.truth import Truth, truth_of
from tests.support.waiting import eventually
from wire.records import JobRequest

LONG = "!tokens 100000"  # an answer that no test waits for
UNKNOWN = "resp_" + "0" * 32


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    return module_house(apis=2, SLUICE_SLOTS="16")


@pytest.fixture
async def truth(home: House) -> AsyncIterator[Truth]:
    async with truth_of(home.redis_url, home.pool) as truth:
        yield truth
        for job, state in (await truth.states()).items():  # the next test finds an idle worker
            if state in ("queued", "running"):
                await truth.jobs.cancel(job)


@pytest.fixture
async def client(home: House) -> AsyncIterator[AsyncOpenAI]:
    async with openai_client(home.apis[0]) as client:
        yield client


@pytest.fixture
async def other(home: House) -> AsyncIterator[AsyncOpenAI]:
    """Of the second API process."""
    async with openai_client(home.apis[1]) as client:
        yield client


def job_of(response: str) -> str:
    return str(uuid.UUID(response.removeprefix("resp_")))


def words(count: int) -> str:
    return " ".join(f"w{n}" for n in range(count))


async def events_of(stream: Any) -> list[dict[str, Any]]:
    return [event.to_dict() async for event in stream]


async def resumed(client: AsyncOpenAI, name: str, after: int | None) -> list[dict[str, Any]]:
    behind = {} if after is None else {"starting_after": after}
    return await events_of(await client.responses.retrieve(name, stream=True, **behind))  # type: ignore[call-overload]


async def until(client: AsyncOpenAI, name: str, *statuses: str) -> Response:
    async def look() -> Response | None:
        told = await client.responses.retrieve(name)
        return told if told.status in statuses else None

    return await eventually(look, 15, f"{name} is {' or '.join(statuses)}")


# -- asked -------------------------------------------------------------------------------------------------------
async def test_a_whole_answer_is_fetched_from_another_process(client: AsyncOpenAI, other: AsyncOpenAI) -> None:
    told = await client.responses.create(
        input="!tokens 12", instructions="Be brief.", temperature=0.5, metadata={"a": "b"}, user="ann"
    )
    assert (told.status, told.output_text, told.instructions) == ("completed", words(12), "Be brief.")
    assert told.usage is not None and told.usage.output_tokens == 12
    assert (told.temperature, told.metadata, told.user, told.error) == (0.5, {"a": "b"}, "ann", None)
    assert await other.responses.retrieve(told.id) == told
    items = await other.responses.input_items.list(told.id)
    assert [item.to_dict()["content"] for item in items.data] == [[{"type": "input_text", "text": "!tokens 12"}]]


async def test_a_stream_ends_with_the_response_that_is_fetched_later(client: AsyncOpenAI, other: AsyncOpenAI) -> None:
    async with client.responses.stream(model="", input="!think", reasoning={"effort": "low"}) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert (await other.responses.retrieve(final.id)).output_text == final.output_text


async def test_an_answer_that_is_cut_by_its_limit_is_incomplete(client: AsyncOpenAI) -> None:
    told = await client.responses.create(input="!tokens 50", max_output_tokens=5)
    assert told.status == "incomplete" and told.incomplete_details is not None
    assert (told.incomplete_details.reason, told.output_text) == ("max_output_tokens", words(5))


async def test_input_items_are_paged(client: AsyncOpenAI) -> None:
    said: Any = [{"role": "user", "content": str(n)} for n in range(5)]
    told = await client.responses.create(input=said)
    page = await client.responses.input_items.list(told.id, limit=2, order="asc")
    assert page.has_more and len(page.data) == 2
    found = [item.to_dict() async for item in client.responses.input_items.list(told.id, limit=2, order="asc")]
    texts: Any = [item["content"] for item in found]
    assert [parts[0]["text"] for parts in texts] == ["0", "1", "2", "3", "4"]
    with pytest.raises(openai.BadRequestError):
        await client.responses.input_items.list(told.id, after="msg_unknown")


# -- resumed -----------------------------------------------------------------------------------------------------
async def test_a_stream_goes_on_behind_every_event_at_another_process(client: AsyncOpenAI, other: AsyncOpenAI) -> None:
    whole = await events_of(await client.responses.create(input="!tokens 20", background=True, stream=True))
    assert [event["sequence_number"] for event in whole] == list(range(len(whole)))
    assert whole[1]["type"] == "response.queued"
    for after in [None, *range(len(whole))]:
        told = await resumed(other, whole[0]["response"]["id"], after)
        assert told == whole[(-1 if after is None else after) + 1 :], f"cut behind {after}"


async def test_a_client_that_loses_its_stream_at_any_event_gets_the_rest_while_it_runs(
    client: AsyncOpenAI, other: AsyncOpenAI
) -> None:
    async def cut_and_resume(count: int) -> None:
        stream = await client.responses.create(input="!tokens 25", background=True, stream=True)
        before: list[dict[str, Any]] = []
        async for event in stream:
            before.append(event.to_dict())
            if len(before) == count:
                break
        await stream.close()
        after = await resumed(other, before[0]["response"]["id"], before[-1]["sequence_number"])
        whole = await resumed(client, before[0]["response"]["id"], None)
        assert before + after == whole and whole[-1]["type"] == "response.completed"

    await asyncio.gather(*(cut_and_resume(count) for count in range(1, 31)))


async def test_numbers_count_on_over_attempts_and_the_end_holds_what_won(
    client: AsyncOpenAI, other: AsyncOpenAI, truth: Truth
) -> None:
    """Thoughts cannot be continued: the second attempt begins anew."""
    stream = await client.responses.create(
        input="!tokens 1000", reasoning={"effort": "low"}, background=True, stream=True
    )
    whole: list[dict[str, Any]] = []
    deltas = 0
    async for event in stream:
        whole.append(event.to_dict())
        deltas += event.type == "response.output_text.delta"
        if event.type == "response.output_text.delta" and deltas == 5:
            await truth.reap((await truth.record(job_of(whole[0]["response"]["id"]))).owner)
    name = whole[0]["response"]["id"]
    assert any(event.get("item", {}).get("status") == "incomplete" for event in whole), "the attempt was not void"
    assert [event["sequence_number"] for event in whole] == list(range(len(whole)))
    final = whole[-1]["response"]
    assert [item["type"] for item in final["output"]] == ["reasoning", "message"]
    assert final["output"][1]["content"][0]["text"] == words(1000)
    for after in [*range(40), *range(40, len(whole), 100), len(whole) - 1]:
        assert await resumed(other, name, after) == whole[after + 1 :], f"cut behind {after}"
    assert (await other.responses.retrieve(name)).to_dict() == final


# -- in the background -------------------------------------------------------------------------------------------
async def test_a_background_response_runs_on_when_its_caller_has_left(client: AsyncOpenAI, other: AsyncOpenAI) -> None:
    asked = await client.responses.create(input="!tokens 40", background=True)
    assert (asked.status, asked.output, asked.background) == ("queued", [], True)
    told = await until(other, asked.id, "completed")
    assert told.output_text == words(40) and told.created_at == asked.created_at


async def test_a_running_response_is_in_progress_and_can_be_cancelled(
    client: AsyncOpenAI, other: AsyncOpenAI, truth: Truth
) -> None:
    asked = await client.responses.create(input=LONG, background=True)
    running = await until(client, asked.id, "in_progress")
    assert running.output == [] and running.usage is None
    assert (await other.responses.cancel(asked.id)).status == "cancelled"
    assert (await truth.record(job_of(asked.id))).state == "cancelled"
    again = await client.responses.cancel(asked.id)
    assert again.status == "cancelled" and again.error is None
    assert (await resumed(other, asked.id, None))[-1]["response"]["status"] == "cancelled"


async def test_closing_a_stream_cancels_it_unless_it_is_in_the_background(client: AsyncOpenAI, truth: Truth) -> None:
    async def begin(background: bool) -> str:
        stream = await client.responses.create(input=LONG, stream=True, background=background)
        async for event in stream:
            if event.type == "response.output_text.delta":
                break
        job = stream.response.headers["x-sluice-job"]
        await stream.close()
        return str(job)

    left, kept = await begin(False), await begin(True)
    assert (await truth.until_state(left, "cancelled")).why == "client_gone"
    assert (await truth.record(kept)).state == "running"


# -- continued ---------------------------------------------------------------------------------------------------
async def test_a_response_is_continued_with_its_conversation_but_not_its_instructions(
    client: AsyncOpenAI, other: AsyncOpenAI, truth: Truth
) -> None:
    first = await client.responses.create(input="!tokens 3", instructions="Old.")
    second = await other.responses.create(input="!tokens 4", instructions="New.", previous_response_id=first.id)
    third = await client.responses.create(input="!tokens 5", previous_response_id=second.id)
    assert third.previous_response_id == second.id and third.instructions is None
    asked = JobRequest.model_validate_json((await truth.record(job_of(third.id))).request)
    said = [(message.role, message.content) for message in asked.messages]
    turns = [("user", f"!tokens {n}") for n in (3, 4, 5)]
    answers = [("assistant", words(n)) for n in (3, 4)]
    assert said == [turns[0], answers[0], turns[1], answers[1], turns[2]]
    items = await client.responses.input_items.list(third.id)
    assert len(items.data) == 1, "what is continued is not this response's own input"


async def test_a_response_is_continued_with_its_thoughts(client: AsyncOpenAI, truth: Truth) -> None:
    first = await client.responses.create(input="!think", reasoning={"effort": "low"})
    [thought] = [item for item in first.output if item.type == "reasoning"]
    second = await client.responses.create(input="!tokens 1", previous_response_id=first.id)
    asked = JobRequest.model_validate_json((await truth.record(job_of(second.id))).request)
    assert [message.thinking for message in asked.messages] == [None, thought.summary[0].text, None]


async def test_only_an_answer_that_is_there_can_be_continued(client: AsyncOpenAI) -> None:
    running = await client.responses.create(input=LONG, background=True)
    with pytest.raises(openai.BadRequestError, match="in progress"):
        await client.responses.create(input="x", previous_response_id=running.id)
    await client.responses.cancel(running.id)
    with pytest.raises(openai.BadRequestError, match="no answer"):
        await client.responses.create(input="x", previous_response_id=running.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.create(input="x", previous_response_id=UNKNOWN)
    there = await client.responses.create(input="!tokens 1")
    output: Any = [{"type": "function_call_output", "call_id": "nobody", "output": "x"}]
    with pytest.raises(openai.BadRequestError, match="nobody"):
        await client.responses.create(input=output, previous_response_id=there.id)


async def test_an_item_that_is_named_is_read_from_its_response(
    client: AsyncOpenAI, other: AsyncOpenAI, truth: Truth
) -> None:
    first = await client.responses.create(input="!think", reasoning={"effort": "low"})
    asked_with = (await client.responses.input_items.list(first.id)).data[0]
    names = [asked_with.id, *(item.id for item in first.output)]
    named: Any = [{"type": "item_reference", "id": str(name)} for name in names]
    bare: Any = {"id": names[-1]}
    second = await other.responses.create(input=[*named, bare, {"role": "user", "content": "!tokens 1"}])
    asked = JobRequest.model_validate_json((await truth.record(job_of(second.id))).request)
    text, thought = first.output_text, first.output[0].summary[0].text  # type: ignore[union-attr]
    said = [(message.role, message.content, message.thinking) for message in asked.messages]
    assert said[:2] == [("user", "!think", None), ("assistant", text, thought)]
    assert said[2:] == [("assistant", text, None), ("user", "!tokens 1", None)]
    assert len((await client.responses.input_items.list(second.id)).data) == 5, "they are this response's own input"


async def test_only_an_item_of_ones_own_that_is_there_can_be_named(client: AsyncOpenAI, truth: Truth) -> None:
    there = await client.responses.create(input="!tokens 1")
    unkept = await client.responses.create(input="!tokens 1", store=False)
    running = await client.responses.create(input=LONG, background=True)
    foreign = uuid.uuid4()
    request = DOOR.read(incoming({"input": "theirs"}, 9)).ask.model_copy(update={"model": "tiny", "door": DOOR.name})
    assert await truth.jobs.accept(str(foreign), request, BOUNDS, tenant="somebody else") == "ok"
    for name in ("msg_1", f"msg_{'0' * 32}", f"{there.output[0].id}_7", unkept.output[0].id, f"msg_{foreign.hex}_in0"):
        named: Any = [{"type": "message", "role": "user", "content": "x"}, {"type": "item_reference", "id": name}]
        with pytest.raises(openai.NotFoundError) as error:
            await client.responses.create(input=named)
        assert (error.value.param, error.value.code) == ("input[1].id", "item_not_found")
    alive: Any = [{"type": "item_reference", "id": running.id.replace("resp", "msg")}]
    with pytest.raises(openai.BadRequestError, match="in progress"):
        await client.responses.create(input=alive)


async def test_the_tokens_of_an_input_are_counted_with_the_response_it_continues(
    client: AsyncOpenAI, truth: Truth
) -> None:
    tools: Any = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]
    bare = await client.responses.input_tokens.count(input="one two three")
    assert (bare.object, bare.input_tokens) == ("response.input_tokens", 3)
    instructed = await client.responses.input_tokens.count(input="one two three", instructions="Be brief.", tools=tools)
    assert instructed.input_tokens > 5
    first = await client.responses.create(input="!tokens 7")
    behind = await client.responses.input_tokens.count(input="one", previous_response_id=first.id)
    assert behind.input_tokens == 2 + 7 + 1
    named: Any = [{"type": "item_reference", "id": first.output[0].id}, {"role": "user", "content": "one"}]
    assert (await client.responses.input_tokens.count(input=named)).input_tokens == 8
    jobs = [(await truth.record(job)).request for job in await truth.states()]
    assert not any(b'"kind":"count"' in request and b'"openai.responses"' in request for request in jobs)
    with pytest.raises(openai.BadRequestError):
        await client.responses.input_tokens.count()


# -- gone --------------------------------------------------------------------------------------------------------
async def test_a_deleted_response_is_gone_everywhere(
    client: AsyncOpenAI, other: AsyncOpenAI, plain: httpx.AsyncClient, truth: Truth
) -> None:
    secret = f"my secret {secrets.token_hex(8)}"
    done = await client.responses.create(input=secret)
    live = await client.responses.create(input=LONG, background=True)
    for response in (done, live):
        await other.responses.delete(response.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(response.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(input="x", previous_response_id=response.id)
        for path in ("", "/events"):
            assert (await plain.get(f"/api/jobs/{job_of(response.id)}{path}")).status_code == 404, path
        assert (await plain.delete(f"/v1/responses/{response.id}")).status_code == 404
    assert (await truth.record(job_of(live.id))).state == "cancelled"
    for job in (job_of(done.id), job_of(live.id)):
        assert not await truth.log(job)
        assert secret not in repr(await truth.redis.hgetall(truth.keys.job(job)))


async def test_a_response_that_was_not_to_be_stored_cannot_be_fetched(client: AsyncOpenAI) -> None:
    told = await client.responses.create(input="!tokens 2", store=False)
    assert told.output_text == words(2) and told.to_dict()["store"] is False
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(told.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.create(input="x", previous_response_id=told.id)


async def test_foreign_responses_and_other_doors_jobs_are_unknown(plain: httpx.AsyncClient, truth: Truth) -> None:
    foreign, chat = str(uuid.uuid4()), str(uuid.uuid4())
    request = DOOR.read(incoming({"input": "theirs"}, 9)).ask.model_copy(update={"model": "tiny", "door": DOOR.name})
    assert await truth.jobs.accept(foreign, request, BOUNDS, tenant="somebody else") == "ok"
    chats = request.model_copy(update={"door": "openai.chat"})
    assert await truth.jobs.accept(chat, chats, BOUNDS, tenant="local") == "ok"
    for name in (f"resp_{uuid.UUID(foreign).hex}", f"resp_{uuid.UUID(chat).hex}", UNKNOWN, foreign, "resp_1", "x" * 99):
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
            answer = await plain.request(method, f"/v1/responses/{name}{path}")
            assert answer.status_code == 404, (method, path, answer.text)
            assert answer.json()["error"]["code"] == "response_not_found"


# -- wrong -------------------------------------------------------------------------------------------------------
async def test_a_failure_is_a_status_an_event_and_stays(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as whole:
        await client.responses.create(input="!fault context_too_long")
    assert whole.value.code == "context_length_exceeded"
    events = await events_of(await client.responses.create(input="!fault context_too_long after 3", stream=True))
    assert events[-1]["type"] == "response.failed"
    told = await client.responses.retrieve(events[0]["response"]["id"])
    assert told.status == "failed" and told.error is not None and told.error.code == "invalid_prompt"


async def test_a_wrong_query_is_a_400(client: AsyncOpenAI, plain: httpx.AsyncClient) -> None:
    told = await client.responses.create(input="!tokens 2")
    for query in ("starting_after=1", "stream=true&starting_after=-1", "stream=true&starting_after=x", "stream=7"):
        answer = await plain.get(f"/v1/responses/{told.id}?{query}")
        assert answer.status_code == 400, (query, answer.text)


async def test_the_same_key_and_body_is_one_response(client: AsyncOpenAI) -> None:
    key = {"Idempotency-Key": secrets.token_hex(8)}
    first = await client.responses.create(input="!tokens 4", extra_headers=key)
    second = await client.responses.create(input="!tokens 4", extra_headers=key)
    assert second == first
