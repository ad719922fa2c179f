"""The ids that cross a process. Each is a text; a type of its own keeps one from being passed for another.

The API makes a JobId (a UUID) before the job exists, a worker makes its Incarnation when its life begins. Ids of what
the API alone keeps (threads, messages, files, batches) are in `backend/ids.py`.
"""

from __future__ import annotations

from typing import Final, NewType

JobId = NewType("JobId", str)  # of one job, the same in every pool that the job passes
TenantId = NewType("TenantId", str)  # whose budget and whose turn a job takes
PrincipalId = NewType("PrincipalId", str)  # the caller who submitted a job; several principals may share a tenant
Incarnation = NewType("Incarnation", str)  # of one life of a worker process: `<name>-<8 random hex digits>`

# One attempt: its job, the life that was given it, its number. The fence of every write that it makes.
AttemptId = tuple[JobId, Incarnation, int]

# A job's record of an older version names no principal: the job belongs to its tenant's local one.
LOCAL_PRINCIPAL: Final = PrincipalId("local")
