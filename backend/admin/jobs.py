"""The jobs of all tenants: live ones from Redis, ended ones from SQL, a single job from whichever still has it.

`usage` and `timings` are those of `completed` (wire/events.py) while Redis keeps the log, and afterwards what SQL keeps
of them. No text of a chat is in any of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from backend.admin.pages import Entry, from_place, newest, read_place
from backend.admin.repository import EndedJobs
from backend.cursor import read_cursor, write_cursor
from backend.errors import job_not_found
from backend.moments import moment
from backend.pool.pools import Pool, Pools
from backend.store.rows import JobRow
from wire.ids import JobId
from wire.records import JobRecord

View = dict[str, Any]


class AllJobs:
    """The jobs of some pools. Lists come with the cursor of their next page, None on the last."""

    def __init__(self, pools: Pools, ended: EndedJobs) -> None:
        self._pools = pools
        self._ended = ended

    async def live(self, cursor: str | None, limit: int) -> tuple[list[View], str | None]:
        """The newest first. Raises Invalid for a cursor of another list."""
        behind = read_place(cursor)
        pages = [(pool.name, await pool.ledger.live(from_place(behind, pool.name), limit)) for pool in self._pools]
        entries, following = newest(pages, limit)
        views = await self._from_redis([JobId(entry.fields.get("job", "")) for entry in entries])
        return list(views.values()), following

    async def ended(self, cursor: str | None, limit: int) -> tuple[list[View], str | None]:
        """The newest end first. Raises Invalid for a cursor of another list."""
        rows = await self._ended.page(read_cursor(cursor), limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        return [_view_of_row(row) for row in rows[:limit]], write_cursor(last.ended_at, last.id) if last else None

    async def dead(self, cursor: str | None, limit: int) -> tuple[list[View], str | None]:
        """The newest first. `at`: by Redis's own clock. `job` null: the job is unknown by now."""
        behind = read_place(cursor)
        pages = [(pool.name, await pool.ledger.dead(from_place(behind, pool.name), limit)) for pool in self._pools]
        entries, following = newest(pages, limit)
        jobs = await self._known([JobId(entry.fields.get("job", "")) for entry in entries])
        return [_dead_letter(entry, jobs) for entry in entries], following

    async def one(self, job: JobId) -> View:
        """Raises NotFound."""
        known = await self._known([job])
        if job not in known:
            raise job_not_found(job)
        return known[job]

    async def cancel(self, job: JobId) -> View:
        """The state that the job is in now; a job that has ended stays as it ended. Raises NotFound."""
        state = await self._pools.cancel(job)
        return {"id": job, "state": state or (await self.one(job))["state"]}

    async def _known(self, jobs: Iterable[JobId]) -> dict[JobId, View]:
        """Redis first: it keeps a job for a day after its end, SQL for longer."""
        wanted = list(dict.fromkeys(job for job in jobs if job))
        views = await self._from_redis(wanted)
        rows = await self._ended.known([job for job in wanted if job not in views])
        return views | {job: _view_of_row(row) for job, row in rows.items()}

    async def _from_redis(self, jobs: Sequence[JobId]) -> dict[JobId, View]:
        """A job that went from pool to pool is shown as it is in the pool that it came to last."""
        latest: dict[JobId, tuple[Pool, JobRecord]] = {}
        for pool in self._pools:
            for record in await pool.ledger.outlines(jobs):
                if record is not None and (record.id not in latest or latest[record.id][1].base <= record.base):
                    latest[record.id] = (pool, record)
        views: dict[JobId, View] = {}
        for pool in self._pools:
            records = [record for where, record in latest.values() if where is pool]
            ends = await pool.ledger.ends(records)
            views |= {record.id: _view_of_record(pool.name, record, ends.get(record.id, {})) for record in records}
        return {job: views[job] for job in jobs if job in views}


def _view_of_record(pool: str, record: JobRecord, end: dict[str, Any]) -> View:
    marks = {what: (at, detail) for at, what, detail in record.timeline}
    ended_at, _ = marks.get("ended", (None, ""))
    _, given_to = marks.get(f"given:{record.attempt}", (0, ""))
    return {
        "id": record.id,
        "pool": pool,
        "state": record.state,
        "tenant": record.tenant,
        "class": record.cls,
        "model": record.model,
        "attempt": record.attempt,
        "tries": record.tries,
        "worker": (given_to if ended_at else record.owner) or None,
        "accepted_at": moment(record.accepted),
        "ended_at": moment(ended_at) if ended_at else None,
        "why": record.why or None,
        "usage": end.get("usage"),
        "timings": end.get("timings"),
        "timeline": _timeline(record.timeline),
    }


def _view_of_row(row: JobRow) -> View:
    return {
        "id": row.id,
        "pool": row.pool,
        "state": row.state,
        "tenant": row.tenant,
        "class": row.cls,
        "model": row.model,
        "attempt": row.attempt,
        "tries": row.tries,
        "worker": row.worker or None,
        "accepted_at": moment(row.accepted_at),
        "ended_at": moment(row.ended_at),
        "why": row.why or None,
        "usage": _some(row, "prompt_tokens", "completion_tokens"),
        "timings": _some(row, "queued_ms", "first_token_ms", "total_ms"),
        "timeline": _timeline(row.timeline),
    }


def _some(row: JobRow, *names: str) -> dict[str, int] | None:
    """Of these columns those that are known; None where none is."""
    return {name: value for name in names if (value := getattr(row, name)) is not None} or None


def _timeline(marks: Iterable[Sequence[Any]]) -> list[dict[str, str]]:
    return [{"at": moment(at), "what": what, "detail": detail} for at, what, detail in marks]


def _dead_letter(entry: Entry, jobs: dict[JobId, View]) -> View:
    job = JobId(entry.fields.get("job", ""))
    at = moment(int(entry.id.partition("-")[0]))
    why = entry.fields.get("why", "")
    return {"entry": entry.id, "pool": entry.pool, "job": jobs.get(job), "id": job, "why": why, "at": at}
