"""System messages: ours joins the caller's, and all are joined where a template allows only one."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from ollama_worker.engines.base import Finished, Loading, Piece, RequestRefused
from ollama_worker.engines.call_or_answer import OFFER, as_either
from ollama_worker.engines.forced_call import ORDER, forced
from ollama_worker.engines.openai import OpenAIEngine
from ollama_worker.engines.system_messages import SystemMessages, joined
from tests.ollama_worker.fake_openai import fake_openai
from wire.records import JobRequest, Message

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
REFUSAL = "Jinja Exception: System message must be at the beginning."
Talk = list[tuple[str, str]]


def talk(*messages: tuple[str, str], **changes: object) -> JobRequest:
    sent = tuple(Message(role=role, content=content) for role, content in messages)  # type: ignore[arg-type]
    return JobRequest(model="m", messages=sent).model_copy(update=changes)


def talk_of(ask: JobRequest) -> Talk:
    return [(message.role, message.content) for message in ask.messages]


@pytest.mark.parametrize(("made", "order"), [(forced, ORDER), (as_either, OFFER)], ids=["forced", "either"])
def test_our_order_joins_the_caller_s_system_message(made, order: str) -> None:  # type: ignore[no-untyped-def]
    ask = talk(("system", "Be brief."), ("user", "hi"), tools=(TOOL,), format={"type": "object"})
    (role, content), *rest = talk_of(made(ask))
    assert role == "system" and content.startswith(order) and content.endswith("\n\nBe brief.")
    assert rest == [("user", "hi")]


@pytest.mark.parametrize("made", [forced, as_either])
def test_without_a_system_message_of_the_caller_s_ours_stands_alone(made) -> None:  # type: ignore[no-untyped-def]
    ask = talk(("user", "hi"), tools=(TOOL,), format={"type": "object"})
    assert [role for role, _ in talk_of(made(ask))] == ["system", "user"]


def test_system_messages_are_joined_in_their_order() -> None:
    ask = talk(("system", "A"), ("system", "B"), ("user", "hi"), ("system", "C"), ("user", "and"))
    assert talk_of(joined(ask)) == [("system", "A\n\nB\n\nC"), ("user", "hi"), ("user", "and")]


def test_where_there_is_nothing_to_join_the_request_stays_as_it_is() -> None:
    for ask in (talk(("system", "A"), ("user", "hi")), talk(("user", "hi")), talk()):
        assert joined(ask) is ask


class Strict:
    """A template that allows one system message, at the beginning."""

    def __init__(self) -> None:
        self.talks: list[Talk] = []

    async def answer(self, ask: JobRequest) -> AsyncGenerator[Piece | Loading | Finished]:
        self.talks.append(talk_of(ask))
        if any(message.role == "system" for message in ask.messages[1:]):
            raise RequestRefused(f"The server refused the request: {REFUSAL}")
        yield Piece("yes")
        yield Finished("stop")


async def test_system_messages_that_a_template_refuses_are_joined_and_from_then_on_at_once() -> None:
    strict, messages = Strict(), SystemMessages()
    for content in ("first", "second"):
        ask = talk(("system", "A"), ("user", content), ("system", "B"))
        assert len([item async for item in messages.answered(ask, strict.answer)]) == 2
    assert len(strict.talks) == 3
    assert strict.talks[0][-1] == ("system", "B")
    assert strict.talks[1:] == [[("system", "A\n\nB"), ("user", word)] for word in ("first", "second")]


async def test_an_ask_that_is_refused_for_another_reason_stays_refused() -> None:
    async def refuse(ask: JobRequest) -> AsyncGenerator[Piece | Loading | Finished]:
        raise RequestRefused("no")
        yield Finished("stop")

    with pytest.raises(RequestRefused):
        async for _ in SystemMessages().answered(talk(("user", "a"), ("system", "b")), refuse):
            pass


@pytest.mark.parametrize("status", [400, 500])
async def test_an_openai_server_that_refuses_gets_them_joined(status: int) -> None:
    async with fake_openai() as fake:
        engine = OpenAIEngine(fake.url)
        fake.strict_system = status
        ask = talk(("user", "hi"), ("system", "B"))
        items = [item async for item in engine.generate(ask)]
        assert isinstance(items[-1], Finished)
        assert [len(body["messages"]) for body in fake.bodies("/v1/chat/completions")] == [2, 2]
        assert fake.bodies("/v1/chat/completions")[1]["messages"][0] == {"role": "system", "content": "B"}
        assert await engine.count(ask) == 7
        await engine.close()
