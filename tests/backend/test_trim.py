"""Whatever a conversation looks like, what is left of it makes sense to a model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from backend.dialects.langserve.trim import REPLY_TOKENS, Room, room_of, tokens_of, trim

TEXTS = st.text(max_size=60)


def asks(count: int, name: str) -> list[BaseMessage]:
    """A call of `count` tools and their results."""
    ids = [f"{name}-{n}" for n in range(count)]
    calls = [{"name": "weather", "args": {"city": "Ulm"}, "id": id} for id in ids]
    return [AIMessage("", tool_calls=calls), *(ToolMessage("12 °C", tool_call_id=id) for id in ids)]


@st.composite
def conversations(draw: st.DrawFn) -> list[BaseMessage]:
    said: list[BaseMessage] = []
    for turn in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["user", "answer", "tools", "system", "user in between"]))
        if kind == "tools":
            said += asks(draw(st.integers(1, 3)), f"call{turn}")
        elif kind == "user in between":
            call, *results = asks(2, f"call{turn}")
            said += [call, HumanMessage(draw(TEXTS)), *results]
        else:
            made = {"user": HumanMessage, "answer": AIMessage, "system": SystemMessage}[kind]
            said.append(made(draw(TEXTS)))
    return said


ROOMS = st.builds(Room, st.integers(1, 20), st.none() | st.integers(0, 400))


def others(messages: list[BaseMessage]) -> list[BaseMessage]:
    return [message for message in messages if not isinstance(message, SystemMessage)]


@given(conversations(), ROOMS)
def test_the_system_messages_and_the_last_message_stay(said: list[BaseMessage], room: Room) -> None:
    kept = trim(said, room)
    assert [m for m in kept if isinstance(m, SystemMessage)] == [m for m in said if isinstance(m, SystemMessage)]
    assert kept[-1] is said[-1]


@given(conversations(), ROOMS)
def test_what_is_kept_is_an_end_of_the_conversation_in_its_order(said: list[BaseMessage], room: Room) -> None:
    kept = others(trim(said, room))
    assert kept == others(said)[len(others(said)) - len(kept) :]


@given(conversations(), ROOMS)
def test_no_result_is_parted_from_its_call(said: list[BaseMessage], room: Room) -> None:
    kept = trim(said, room)
    called = {call["id"] for m in kept if isinstance(m, AIMessage) for call in m.tool_calls}
    answered = {m.tool_call_id for m in kept if isinstance(m, ToolMessage)}
    assert called == answered


@given(conversations(), ROOMS)
def test_it_fits_unless_the_last_turn_alone_does_not(said: list[BaseMessage], room: Room) -> None:
    kept = trim(said, room)
    smallest = trim(said, Room(0, 0))
    fits = len(kept) <= room.messages and (room.tokens is None or sum(map(tokens_of, kept)) <= room.tokens)
    assert fits or kept == smallest


@given(conversations(), ROOMS)
def test_twice_is_once(said: list[BaseMessage], room: Room) -> None:
    kept = trim(said, room)
    assert trim(kept, room) == kept


def test_what_fits_stays_whole_even_if_an_answer_comes_first() -> None:
    said = [AIMessage("Welcome!"), HumanMessage("hi")]
    assert trim(said, Room(2)) == said


def test_a_cut_begins_with_a_question_rather_than_with_its_answer() -> None:
    said = [SystemMessage("be brief"), *[HumanMessage("q"), AIMessage("a")] * 5, HumanMessage("last")]
    kept = trim(said, Room(5))
    assert [m.type for m in kept] == ["system", "human", "ai", "human"]


def test_a_message_given_twice_counts_twice() -> None:
    echo = HumanMessage("again")
    assert trim([echo, echo, echo], Room(2)) == [echo, echo]


def test_orphaned_results_are_left_for_the_check_that_refuses_them() -> None:
    orphan = ToolMessage("12 °C", tool_call_id="nobody")
    assert trim([orphan, HumanMessage("hi")], Room(1)) == [HumanMessage("hi")]


def test_an_unknown_window_bounds_nothing() -> None:
    assert room_of(20, 0, 512) == Room(20)


def test_the_answer_gets_its_room() -> None:
    assert room_of(20, 8192, 512) == Room(20, 8192 - 512)
    assert room_of(20, 8192, None, beside=100) == Room(20, 8192 - REPLY_TOKENS - 100)
    assert room_of(20, 8192, -1) == Room(20, 8192 - REPLY_TOKENS)


def test_an_answer_as_long_as_the_window_leaves_half_of_it_to_the_prompt() -> None:
    assert room_of(20, 4096, 4096) == Room(20, 2048)


def test_images_and_calls_take_tokens() -> None:
    image = HumanMessage([{"type": "image_url", "image_url": "data:image/png;base64,AAAA"}])
    assert tokens_of(image) > 1_000
    assert tokens_of(asks(3, "x")[0]) > tokens_of(AIMessage(""))
