"""The places of waiting jobs: the order in which the fair queue would be drained, from one look at its lengths.

This module and the script `places.lua` mirror the order in which `next_job` takes jobs (scripts/policy.lua): a change
of that order is a change here. `tests/wire/model.py` compares them after every step.

A job of rank r (0 = next) in its tenant's queue waits for: all jobs of more urgent classes, the jobs of its class that
came back, r jobs of its own tenant, and r jobs of every other tenant at most, or r + 1 where that tenant's turn comes
first.
"""

from __future__ import annotations

from itertools import takewhile
from typing import NamedTuple, cast

from wire.decoding import text
from wire.ids import TenantId
from wire.records import CLASSES


class Place(NamedTuple):
    """The place of one job. `position` 1: it is given next; 0: it does not wait. `note`: what a running job waits for,
    or why a job came back to the queue."""

    state: str
    position: int
    note: str


class Lengths(NamedTuple):
    """The lengths of one class: how many jobs came back (`front`), and how many of each tenant wait."""

    front: int
    tenants: tuple[tuple[TenantId, int], ...]  # (tenant, waiting jobs) in the order of their turns

    @property
    def waiting(self) -> int:
        """How many jobs wait, those that came back included."""
        return self.front + sum(depth for _, depth in self.tenants)


class Snapshot(NamedTuple):
    """One look at a pool. `workers`: how many are alive; `waiting`: how many jobs wait; `places`: one for each job that
    was requested, in the same order; `classes`: the most urgent first."""

    workers: int
    waiting: int
    places: tuple[Place, ...]
    classes: dict[str, Lengths]


def read(answer: list[object]) -> Snapshot:
    """The answer of the `places` script as positions."""
    workers, *rows = answer
    classes = dict(_class(row) for row in rows[: len(CLASSES)])
    jobs = rows[len(CLASSES) :]
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
    if state == b"queued" and text(cls) in classes and int(rank) >= 0:  # otherwise no script wrote that record
        position = 1 + _ahead(classes, text(cls), TenantId(text(tenant)), int(rank), bool(in_front))
    return Place(text(state), position, text(note))


def _ahead(classes: dict[str, Lengths], cls: str, tenant: TenantId, rank: int, in_front: bool) -> int:
    """How many jobs are taken before this one."""
    ahead = sum(classes[urgent].waiting for urgent in takewhile(lambda name: name != cls, classes))
    if in_front:
        return ahead + rank
    lengths = classes[cls]
    ahead += lengths.front + rank
    before = True
    for other, depth in lengths.tenants:
        if other == tenant:
            before = False
        else:
            ahead += min(depth, rank + before)
    return ahead
