"""The orders in a worker's inbox, which scripts write and workers obey."""

from __future__ import annotations

from typing import NamedTuple

from wire.decoding import whole_or_none
from wire.ids import JobId

ATTEMPT_MAX = 2**63 - 1  # a longer number is in no log line and no id


class Order(NamedTuple):
    """One entry of a worker's inbox. `do` is `run` or `cancel`, and both name a job and its attempt.

    Any other `do` is a newer version's: a worker logs the entry and ignores it, and its `job` and `attempt` are empty.
    """

    id: str
    do: str
    job: JobId = JobId("")
    attempt: int = 0
    model: str = ""


def decode_order(entry: str, fields: dict[bytes, bytes]) -> Order:
    """The order of an inbox entry. An order of an unknown kind, which a newer version may have written, is returned for
    the worker to log and to ignore. Raises ValueError for an entry that no script wrote."""
    try:
        do, model = fields[b"do"].decode(), fields.get(b"model", b"").decode()
        if do in ("run", "cancel"):
            job, attempt = JobId(fields[b"job"].decode()), whole_or_none(fields[b"attempt"], ATTEMPT_MAX)
            if attempt is None or attempt < 1:
                raise ValueError(f"no attempt has that number: inbox entry {entry}")
            return Order(entry, do, job, attempt, model)
        return Order(entry, do, model=model)
    except (KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"undecodable inbox entry {entry}") from error
