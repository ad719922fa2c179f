"""One system message, at the beginning: ours joins the caller's, and all are joined where a template wants it."""

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
    said = tuple(Message(role=role, content=content) for role, content in messages)  # type: ignore[arg-type]
    return JobRequest(model="m", messages=said).model_copy(update=changes)


def said(ask: JobRequest) -> Talk:
    return [(message.role, message.content) for message in ask.messages]


@pytest.mark.parametrize(("made", "order"), [(forced, ORDER), (as_either, OFFER)], ids=["forced", "either"])
def test_our_order_joins_the_caller_s_system_message(made, order: str) -> None:  # type: ignore[no-untyped-def]
    ask = talk(("system", "Be brief."), ("user", "hi"), tools=(TOOL,), format={"type": "object"})
    (role, content), *rest = said(made(ask))
    assert role == "system" and content.startswith(order) and content.endswith("\n\nBe brief.")
    assert rest == [("user", "hi")]


@pytest.mark.parametrize("made", [forced, as_either])
def test_without_one_of_the_caller_s_it_stands_alone(made) -> None:  # type: ignore[no-untyped-def]
    ask = talk(("user", "hi"), tools=(TOOL,), format={"type": "object"})
    assert [role for role, _ in said(made(ask))] == ["system", "user"]


def test_system_messages_are_joined_in_their_order() -> None:
    ask = talk(("system", "A"), ("system", "B"), ("user", "hi"), ("system", "C"), ("user", "and"))
    assert said(joined(ask)) == [("system", "A\n\nB\n\nC"), ("user", "hi"), ("user", "and")]


def test_where_there_is_nothing_to_join_the_request_stays_as_it_is() -> None:
    for ask in (talk(("system", "A"), ("user", "hi")), talk(("user", "hi")), talk()):
        assert joined(ask) is ask


class Strict:
    """A template that wants one at the beginning."""

    def __init__(self) -> None:
        self.asked: list[Talk] = []

    async def answer(self, ask: JobRequest) -> AsyncGenerator[Piece | Loading | Finished]:
        self.asked.append(said(ask))
        if any(message.role == "system" for message in ask.messages[1:]):
            raise RequestRefused(f"The server refused the request: {REFUSAL}")
        yield Piece("yes")
        yield Finished("stop")


async def test_what_a_template_refuses_is_joined_and_sent_again_and_joined_at_once_from_then_on() -> None:
    strict, one = Strict(), SystemMessages()
    for content in ("first", "second"):
        ask = talk(("system", "A"), ("user", content), ("system", "B"))
        assert len([item async for item in one.answered(ask, strict.answer)]) == 2
    assert len(strict.asked) == 3
    assert strict.asked[0][-1] == ("system", "B")
    assert strict.asked[1:] == [[("system", "A\n\nB"), ("user", word)] for word in ("first", "second")]


async def test_what_is_refused_for_another_reason_is_refused() -> None:
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
        assert [len(body["messages"]) for body in fake.asked("/v1/chat/completions")] == [2, 2]
        assert fake.asked("/v1/chat/completions")[1]["messages"][0] == {"role": "system", "content": "B"}
        assert await engine.count(ask) == 7
        await engine.close()
