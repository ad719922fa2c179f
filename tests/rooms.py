"""The rooms of backend/ and the arrows between them. `python -m tests.rooms` prints them, `--why` with every import.

A room is a folder directly in backend/, or a file directly in backend/. An arrow leads from a room to every other room
that one of its modules imports. An import for type checkers alone counts too.

No rooms may reach each other in a circle. For that each protocol's folder in dialects/ is a room of its own, and so is
pool/models: otherwise their circles would be hidden inside of dialects/ and pool/. Arrows are counted with dialects/
and pool/ as one room each.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import grimp

HOUSE = "backend"


class Arrow(NamedTuple):
    """Room `above` imports room `below`."""

    above: str
    below: str


Imports = dict[Arrow, list[str]]  # the imports that each arrow is made of, as "module -> module"


def imports_between_rooms() -> Imports:
    graph = grimp.build_graph(HOUSE, cache_dir=None)
    arrows: Imports = {}
    for module in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            arrow = Arrow(room_of(module), room_of(imported))
            if arrow.above != arrow.below:
                arrows.setdefault(arrow, []).append(f"{module} -> {imported}")
    return arrows


def room_of(module: str) -> str:
    """`dialects.openai` for the module `backend.dialects.openai.chat`."""
    parts = module.split(".")[1:]
    return ".".join(parts[:2] if parts[:1] == ["dialects"] or parts[:2] == ["pool", "models"] else parts[:1]) or HOUSE


def whole_rooms(arrows: Iterable[Arrow]) -> set[Arrow]:
    """The arrows with dialects/ and pool/ as one room each."""
    whole = {Arrow(arrow.above.partition(".")[0], arrow.below.partition(".")[0]) for arrow in arrows}
    return {arrow for arrow in whole if arrow.above != arrow.below}


def circles(arrows: Iterable[Arrow]) -> list[set[str]]:
    """Every largest set of two or more rooms that reach each other, the largest set first."""
    reach = _reach(arrows)
    sets = {frozenset(other for other in reach[room] if room in reach[other]) for room in reach}
    return sorted((set(rooms) for rooms in sets if len(rooms) > 1), key=lambda rooms: (-len(rooms), sorted(rooms)))


def _reach(arrows: Iterable[Arrow]) -> dict[str, set[str]]:
    """The rooms that each room imports, directly and through others."""
    reach: dict[str, set[str]] = {}
    for arrow in arrows:
        reach.setdefault(arrow.below, set())
        reach.setdefault(arrow.above, set()).add(arrow.below)
    for middle in reach:
        for room in reach:
            if middle in reach[room]:
                reach[room] |= reach[middle]
    return reach


def floors(arrows: Iterable[Arrow]) -> list[list[str]]:
    """The rooms in floors, the ground floor first: a room stands directly above the highest room that it imports.
    Rooms of a circle have no floor and are left out, with all rooms above them."""
    arrows = list(arrows)
    rest = {room for arrow in arrows for room in arrow}
    built: list[list[str]] = []
    while floor := sorted(rest - {arrow.above for arrow in arrows if arrow.below in rest}):
        built.append(floor)
        rest -= set(floor)
    return built


def report(imports: Imports, why: bool = False) -> Iterator[str]:
    """The lines to print. `why`: with every import of each arrow."""
    for room in sorted({arrow.above for arrow in imports}):
        yield f"{room} -> {', '.join(sorted(arrow.below for arrow in imports if arrow.above == room))}"
        if why:
            yield from (f"    {line}" for arrow, lines in imports.items() if arrow.above == room for line in lines)
    yield ""
    for number, floor in reversed([*enumerate(floors(imports))]):
        yield f"floor {number}: {', '.join(floor)}"
    for rooms in circles(imports):
        yield f"\ncircle: {', '.join(sorted(rooms))}"
        yield from (f"    {line}" for arrow, lines in imports.items() if rooms.issuperset(arrow) for line in lines)
    whole = whole_rooms(imports)
    yield f"\n{_count(whole)}; with each protocol and pool/models as a room of its own: {_count(imports)}"


def _count(arrows: Collection[Arrow]) -> str:
    return f"{len({room for arrow in arrows for room in arrow})} rooms, {len(arrows)} arrows"


if __name__ == "__main__":
    print("\n".join(report(imports_between_rooms(), why="--why" in sys.argv)))
