"""Values in Redis are read without an error, whichever process wrote them."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.decoding import NUMBER_MAX, is_number, json_object, text, whole
from wire.logs import encoded
from wire.orders import decode_order
from wire.places import read as read_places
from wire.records import decode_record
from wire.workers import read_beats

FIELDS = (
    "state",
    "attempt",
    "due",
    "accepted",
    "tenant",
    "class",
    "given:1",
    "started:x",
    "ended",
    "end",
    "keep",
    "base",
)
BODIES = st.binary(max_size=30) | st.sampled_from([b"queued", b"running", b"1", b"-1", b"9" * 400, b"1e5", b"\xff"])


@given(st.dictionaries(st.sampled_from([name.encode() for name in FIELDS]) | st.binary(max_size=9), BODIES))
def test_no_record_breaks_its_reader(fields: dict[bytes, bytes]) -> None:
    record = decode_record("j", fields)
    if record is not None:
        numbers = (record.attempt, record.due, record.accepted, record.keep_ms, record.base)
        assert all(0 <= number <= NUMBER_MAX for number in numbers)
        orjson.dumps(record.timeline)


@given(st.dictionaries(st.binary(max_size=9), BODIES))
def test_no_hash_of_beats_breaks_its_reader(fields: dict[bytes, bytes]) -> None:
    assert all(0 < beat <= NUMBER_MAX for beat in read_beats(fields).values())


@pytest.mark.parametrize("attempt", [b"9" * 30, b"18446744073709551616", b"0", b"-1", b"abc", b"", b"\xff", b"1e5"])
def test_an_order_whose_attempt_is_out_of_range_does_not_decode(attempt: bytes) -> None:
    with pytest.raises(ValueError, match="inbox entry"):
        decode_order("1-1", {b"do": b"run", b"job": b"j", b"attempt": attempt})


def test_an_order_of_an_unknown_kind_decodes_without_a_job() -> None:
    order = decode_order("1-1", {b"do": b"pull", b"model": b"m", b"later": b"\xff"})
    assert (order.do, order.model, order.job, order.attempt) == ("pull", "m", "", 0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308, -1, True, "5", None, [1]])
def test_a_text_that_is_no_number_in_range_reads_as_absent(value: object) -> None:
    assert not is_number(value)


def test_a_value_that_does_not_decode_reads_as_absent() -> None:
    assert (text(b"\xff"), text(None), whole(b"x"), whole(b"1" * 5_000), whole(None)) == ("\ufffd", "", 0, 0, 0)
    assert json_object(b"{") == json_object(b"[1]") == json_object(b"\xff") == json_object(None) == {}


def test_a_record_that_no_script_wrote_has_no_place() -> None:
    lengths = [[b"interactive", 0, [b"\xff", 2]], [b"batch", 0, []]]
    jobs = [[b"queued", b"\xff", b"t", -1, 0, b"\xff"], [b"queued", b"batch", b"t", -1, 0, b""]]
    snapshot = read_places([1, *lengths, *jobs])
    assert [place.position for place in snapshot.places] == [0, 0]


@pytest.mark.parametrize("value", [10**30, "\ud800", {1, 2}, b"x"])
def test_a_line_that_json_cannot_hold_is_logged_all_the_same(value: object) -> None:
    assert orjson.loads(encoded({"event": "an event", "value": value}))["event"] == "'an event'"
