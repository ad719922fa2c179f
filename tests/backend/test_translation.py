"""The machine that turns a job's events into bytes, by a protocol of a few lines: a protocol writes its bytes alone."""

from __future__ import annotations

from typing import Any

import pytest

from backend.dialects.common.translation import Translation
from backend.errors import ApiError
from wire import events
from wire.events import EventId, LogEntry


class Plain(Translation):
    """Text as it is, an end as a dot, an error as its code in brackets; it counts the tokens that went out unparsed."""

    def __init__(self, **settings: bool) -> None:
        super().__init__(**settings)
        self.unparsed = 0

    def _plain(self, id: EventId, literal: bytes) -> bytes:
        self.unparsed += 1
        self._begun = True
        return literal.strip(b'"')

    def _token(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        self._begun = self._flowing = True
        return str(fields.get("text", "")).encode()

    def _completed(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return b"."

    def _restarted(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return b"|"

    def _id_line(self, entry: LogEntry) -> bytes:
        return b""

    def keep_alive(self) -> bytes:
        return b""

    def broken(self, error: ApiError) -> bytes:
        self.done = True
        return b"[%b]" % error.code.encode()


STARTED = events.encode(events.Started(attempt=1, worker="w", model="m"))
RESTARTED = events.encode(events.Restarted())
END = events.encode(events.Completed(finish_reason="stop", usage=events.Usage(), timings=events.Timings(), model="m"))
FAILED = events.encode(events.Failed(code="deadline", message="too late"))
A, B = events.token("a"), events.token("b")


def log_of(*bodies: bytes) -> list[LogEntry]:
    return [LogEntry(EventId(1, number), body) for number, body in enumerate(bodies)]


@pytest.mark.parametrize(
    ("bodies", "sent"),
    [
        ((STARTED, A, B, END), b"ab."),
        ((A, FAILED, B), b"a[deadline]"),
        ((A, END, B), b"a."),
        ((RESTARTED, A, END), b"a."),
        ((A, RESTARTED, B, END), b"a[interrupted]"),
    ],
    ids=["an answer", "a failure", "nothing follows the end", "lost before its text", "lost after some text"],
)
def test_a_protocol_that_cannot_take_text_back(bodies: tuple[bytes, ...], sent: bytes) -> None:
    assert Plain().burst(log_of(*bodies)) == sent
    one_by_one = Plain()
    assert b"".join(one_by_one.burst([entry]) for entry in log_of(*bodies)) == sent


def test_a_protocol_that_takes_text_back_writes_the_restart_itself() -> None:
    assert Plain(takes_back=True).burst(log_of(A, RESTARTED, B, END)) == b"a|b."


def test_plain_text_is_not_parsed_once_text_flows() -> None:
    later, at_once = Plain(), Plain(flowing=True)
    for translation in (later, at_once):
        assert translation.burst(log_of(A, B, events.token("c", n=2), END)) == b"abc."
    assert (later.unparsed, at_once.unparsed) == (1, 2)


def test_an_event_of_another_kind_sends_nothing() -> None:
    assert Plain().burst(log_of(b'{"type":"rerouted"}', b'{"type":"new in the next version"}', A)) == b"a"
