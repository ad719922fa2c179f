"""Where waiting jobs stand: the exact order in which the fair queue would be drained, from one look at its lengths.

A job of rank r (0 = next) in its tenant's queue waits for: everything in more urgent classes, its class's returned
jobs, r jobs of its own tenant, and of every other tenant as many as get their turn before, which is r of them, or
r + 1 where that tenant's turn comes first.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from wire.decoding import text
from wire.ids import TenantId


class Place(NamedTuple):
    """`position` 1: next to be given; 0: not waiting. `note`: what a running job waits for, or why it came back."""

    state: str
    position: int
    note: str


class Lengths(NamedTuple):
    """What waits in one class: `front` jobs that came back, and each tenant's own."""

    front: int
    tenants: tuple[tuple[TenantId, int], ...]  # (tenant, waiting jobs) in the order of their turns

    @property
    def waiting(self) -> int:
        """All that wait, those that came back included."""
        return self.front + sum(depth for _, depth in self.tenants)


class Snapshot(NamedTuple):
    """`workers`: how many are alive; `places` in the order in which the jobs were asked for; `classes` by urgency."""

    workers: int
    waiting: int
    places: tuple[Place, ...]
    classes: dict[str, Lengths]


def read(answer: list[object]) -> Snapshot:
    """Turn the `places` script's answer into positions."""
    workers, interactive, batch, *jobs = answer
    classes = {name: row for name, row in (_class(interactive), _class(batch))}
    return Snapshot(
        workers=cast(int, workers),
        waiting=sum(c.waiting for c in classes.values()),
        places=tuple(_place(cast(list[bytes], job), classes) for job in jobs),
        classes=classes,
    )


def _class(row: object) -> tuple[str, Lengths]:
    name, front, tenants = cast(tuple[bytes, int, list[bytes]], row)
    pairs = zip(tenants[::2], tenants[1::2], strict=True)
    return text(name), Lengths(front, tuple((TenantId(text(t)), int(n)) for t, n in pairs))


def _place(job: list[bytes], classes: dict[str, Lengths]) -> Place:
    state, cls, tenant, rank, in_front, note = job
    position = 0
    if state == b"queued" and text(cls) in classes and int(rank) >= 0:  # else no script wrote that record
        position = 1 + _ahead(classes, text(cls), TenantId(text(tenant)), int(rank), bool(in_front))
    return Place(text(state), position, text(note))


def _ahead(classes: dict[str, Lengths], cls: str, tenant: TenantId, rank: int, in_front: bool) -> int:
    """How many jobs are taken before this one."""
    ahead = classes["interactive"].waiting if cls == "batch" else 0
    if in_front:
        return ahead + rank
    mine = classes[cls]
    ahead += mine.front + rank
    before = True
    for other, depth in mine.tenants:
        if other == tenant:
            before = False
        else:
            ahead += min(depth, rank + before)
    return ahead
