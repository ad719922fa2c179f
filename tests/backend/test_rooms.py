"""The rooms of backend/ stand on each other in one direction only, and few arrows lead between them."""

from __future__ import annotations

from tests.rooms import Arrow, circles, floors, imports_between_rooms, report, whole_rooms

ARROWS_MAX = 110


def test_no_rooms_reach_each_other_in_a_circle() -> None:
    imports = imports_between_rooms()
    assert len(imports) > ARROWS_MAX, "the modules of backend/ were read"
    assert not circles(imports), "\n".join(report(imports))


def test_few_arrows_lead_between_rooms() -> None:
    imports = imports_between_rooms()
    assert len(whole_rooms(imports)) <= ARROWS_MAX, "\n".join(report(imports))


def test_a_circle_is_found_however_long_it_is() -> None:
    way = [Arrow("a", "b"), Arrow("b", "c"), Arrow("c", "d")]
    assert circles(way) == []
    assert floors(way) == [["d"], ["c"], ["b"], ["a"]]
    assert circles([*way, Arrow("d", "b"), Arrow("x", "y"), Arrow("y", "x")]) == [{"b", "c", "d"}, {"x", "y"}]
    assert floors([*way, Arrow("d", "b"), Arrow("b", "low")]) == [["low"]]


def test_a_protocol_is_a_room_whose_circles_are_seen_and_whose_arrows_are_its_hall_s() -> None:
    arrows = [Arrow("dialects.one", "dialects.two"), Arrow("dialects.one", "chat"), Arrow("dialects.two", "chat")]
    assert circles([*arrows, Arrow("dialects.two", "dialects.one")]) == [{"dialects.one", "dialects.two"}]
    assert whole_rooms(arrows) == {Arrow("dialects", "chat")}
