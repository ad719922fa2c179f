"""Whatever a conversation looks like, what is left of it makes sense to a model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from backend.dialects.langserve.trim import REPLY_TOKENS, Room, room_of, tokens_of, trim

TEXTS = st.text(max_size=60)


def call_with_results(count: int, name: str) -> list[BaseMessage]:
    """A call of `count` tools and their results."""
    ids = [f"{name}-{n}" for n in range(count)]
    calls = [{"name": "weather", "args": {"city": "Ulm"}, "id": id} for id in ids]
    return [AIMessage("", tool_calls=calls), *(ToolMessage("12 °C", tool_call_id=id) for id in ids)]


@st.composite
def conversations(draw: st.DrawFn) -> list[BaseMessage]:
    messages: list[BaseMessage] = []
    for turn in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["user", "answer", "tools", "system", "user in between"]))
        if kind == "tools":
            messages += call_with_results(draw(st.integers(1, 3)), f"call{turn}")
        elif kind == "user in between":
            call, *results = call_with_results(2, f"call{turn}")
            messages += [call, HumanMessage(draw(TEXTS)), *results]
        else:
            made = {"user": HumanMessage, "answer": AIMessage, "system": SystemMessage}[kind]
            messages.append(made(draw(TEXTS)))
    return messages


ROOMS = st.builds(Room, st.integers(1, 20), st.none() | st.integers(0, 400))


def others(messages: list[BaseMessage]) -> list[BaseMessage]:
    return [message for message in messages if not isinstance(message, SystemMessage)]


@given(conversations(), ROOMS)
def test_the_system_messages_and_the_last_message_stay(messages: list[BaseMessage], room: Room) -> None:
    kept = trim(messages, room)
    assert [m for m in kept if isinstance(m, SystemMessage)] == [m for m in messages if isinstance(m, SystemMessage)]
    assert kept[-1] is messages[-1]


@given(conversations(), ROOMS)
def test_the_kept_messages_are_an_end_of_the_conversation_in_its_order(messages: list[BaseMessage], room: Room) -> None:
    kept = others(trim(messages, room))
    assert kept == others(messages)[len(others(messages)) - len(kept) :]


@given(conversations(), ROOMS)
def test_no_result_is_parted_from_its_call(messages: list[BaseMessage], room: Room) -> None:
    kept = trim(messages, room)
    called = {call["id"] for m in kept if isinstance(m, AIMessage) for call in m.tool_calls}
    answered = {m.tool_call_id for m in kept if isinstance(m, ToolMessage)}
    assert called == answered


@given(conversations(), ROOMS)
def test_the_kept_messages_fit_unless_the_last_turn_alone_does_not(messages: list[BaseMessage], room: Room) -> None:
    kept = trim(messages, room)
    smallest = trim(messages, Room(0, 0))
    fits = len(kept) <= room.messages and (room.tokens is None or sum(map(tokens_of, kept)) <= room.tokens)
    assert fits or kept == smallest


@given(conversations(), ROOMS)
def test_trimming_twice_changes_nothing_more(messages: list[BaseMessage], room: Room) -> None:
    kept = trim(messages, room)
    assert trim(kept, room) == kept


def test_a_conversation_that_fits_stays_whole_even_if_an_answer_comes_first() -> None:
    messages = [AIMessage("Welcome!"), HumanMessage("hi")]
    assert trim(messages, Room(2)) == messages


def test_a_cut_begins_with_a_question_rather_than_with_its_answer() -> None:
    messages = [SystemMessage("be brief"), *[HumanMessage("q"), AIMessage("a")] * 5, HumanMessage("last")]
    kept = trim(messages, Room(5))
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
    assert tokens_of(call_with_results(3, "x")[0]) > tokens_of(AIMessage(""))
