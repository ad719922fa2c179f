"""Every table, as the newest migration leaves it. Times are Unix milliseconds, as everywhere in the wire.

threads    a conversation: its title, settings and the leaf it shows
messages   its messages, a tree by `parent_id`; ids come from the page and are unique within a thread only
jobs       every ended job, once, whatever client made it: what it cost and when; never any text
files      what callers have uploaded, and what batches have written; their bytes lie in file_chunks
batches    many requests in a file, answered into a file; batch_lines are those that have not been written out yet
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
)

from backend.store.words import Document, Name, PrincipalName, Words

ID = Name(64)
NAMES = {  # constraints need names that a later migration can use
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)

threads = Table(
    "threads",
    metadata,
    Column("id", ID, primary_key=True),
    Column("tenant", Name(200), nullable=False),
    Column("title", Words),  # NULL: the thread has no message yet
    Column("title_by", Name(16)),  # "text" (the first message's words), "model", "person": the last is never replaced
    Column("title_job", ID),  # the job that is to name the thread; NULL: no job is
    Column("archived", Boolean, nullable=False, default=False),
    Column("settings", Document, nullable=False, default=dict),
    Column("head_id", ID),  # the leaf that is shown; NULL: the newest
    Column("folded", Words, nullable=False, default=""),  # the title as search compares it
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("ix_threads_tenant_updated_at", "tenant", "archived", "updated_at", "id"),
    Index("ix_threads_title_job", "title_job"),
)

messages = Table(
    "messages",
    metadata,
    Column("thread_id", ID, ForeignKey("threads.id", ondelete="CASCADE"), nullable=False),
    Column("id", ID, nullable=False),
    Column("parent_id", ID),  # NULL: the message is the first of its branch
    Column("role", Name(16), nullable=False),  # "user" | "assistant"
    Column("status", Name(16), nullable=False),  # "running" | "complete" | "failed" | "cancelled"
    Column("text", Words, nullable=False, default=""),
    Column("thinking", Words),
    Column("images", Document, nullable=False, default=list),  # [{"mime", "data"}], data in base64
    Column("tool_calls", Document),
    Column("model", Name(200)),
    Column("job_id", ID),  # of an answer
    Column("worker", Name(200)),
    Column("error", Document),  # {"code", "message", "retryable"} of a failed answer
    Column("finish_reason", Name(32)),
    Column("usage", Document),
    Column("timings", Document),
    Column("tokens_per_second", Float),
    Column("feedback", Name(8)),  # "up" | "down"
    Column("feedback_comment", Words),
    Column("folded", Words, nullable=False, default=""),  # the text as search compares it
    Column("created_at", BigInteger, nullable=False),
    Column("context_messages", Integer),  # of an answer: how many messages its model was given; NULL: the whole chat
    Column("ended_at", BigInteger),  # of an answer: when its job ended; NULL until a recorder has written its end
    PrimaryKeyConstraint("thread_id", "id"),
    Index("ix_messages_job_id", "job_id"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", ID, primary_key=True),
    Column("pool", Name(64), nullable=False),
    Column("tenant", Name(200), nullable=False),
    Column("class", Name(32), nullable=False, key="cls"),
    Column("model", Name(200), nullable=False),
    Column("state", Name(16), nullable=False),  # "completed" | "failed" | "cancelled"
    Column("why", Name(64), nullable=False, default=""),
    Column("attempt", BigInteger, nullable=False, default=0),
    Column("tries", Integer, nullable=False, default=0),
    Column("worker", Name(200)),
    Column("request_id", Name(128), nullable=False, default=""),
    Column("accepted_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("queued_ms", BigInteger),
    Column("first_token_ms", BigInteger),
    Column("total_ms", BigInteger),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("tokens_per_second", Float),
    Column("timeline", Document, nullable=False, default=list),  # [[pool ms, what, detail], …]
    Column("principal", PrincipalName(200)),  # who submitted it; NULL, read as the local one: an older release wrote it
    Index("ix_jobs_ended_at", "ended_at", "id"),
    Index("ix_jobs_tenant_ended_at", "tenant", "ended_at"),
)

files = Table(
    "files",
    metadata,
    Column("id", ID, primary_key=True),
    Column("tenant", Name(200), nullable=False),
    Column("name", Name(255), nullable=False),
    Column("purpose", Name(32), nullable=False),
    Column("bytes", BigInteger, nullable=False, default=0),
    Column("status", Name(16), nullable=False),  # "receiving": shown to no caller yet | "processed"
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),  # NULL: kept until it is deleted
    Index("ix_files_tenant_created_at", "tenant", "created_at", "id"),
    Index("ix_files_status_created_at", "status", "created_at"),
    Index("ix_files_expires_at", "expires_at"),
)

file_chunks = Table(
    "file_chunks",
    metadata,
    Column("file_id", ID, ForeignKey("files.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # from 0
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("file_id", "number"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", ID, primary_key=True),
    Column("tenant", Name(200), nullable=False),
    Column("principal", Name(200), nullable=False),
    Column("endpoint", Name(64), nullable=False),
    Column("input_file_id", ID, nullable=False),  # no foreign key: the file may be deleted later
    Column("about", Document),  # the caller's metadata
    Column("status", Name(16), nullable=False),  # as `backend.batches.states` draws them
    Column("errors", Document),  # of a file that cannot be read: [{"code", "line", "message", "param"}]
    Column("total", Integer, nullable=False, default=0),  # lines; 0 until they were validated
    Column("done", Integer, nullable=False, default=0),  # lines of the output file, known at the end only
    Column("failed", Integer, nullable=False, default=0),  # and those of the error file
    Column("output_file_id", ID),
    Column("error_file_id", ID),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("in_progress_at", BigInteger),
    Column("finalizing_at", BigInteger),
    Column("cancelling_at", BigInteger),
    Column("ended_at", BigInteger),  # completed, failed, expired or cancelled: the status says which
    Column("holder", ID),  # the API process that runs the batch; NULL: none does
    Column("held_until", BigInteger, nullable=False, default=0),  # then another process may take it
    Index("ix_batches_tenant_created_at", "tenant", "created_at", "id"),
    Index("ix_batches_status", "status", "held_until"),
)

batch_lines = Table(
    "batch_lines",
    metadata,
    Column("batch_id", ID, ForeignKey("batches.id", ondelete="CASCADE"), nullable=False),
    Column("line", Integer, nullable=False),  # from 0; the job's id is made of it
    Column("custom_id", Words),  # NULL: the line has none
    Column("body", Words),  # the request's body as JSON; NULL: the line is answered
    Column("state", Name(16), nullable=False),  # "waiting" | "done": in the output file | "failed": in the error file
    Column("answer", Words),  # the line of the output or error file; NULL while it waits
    PrimaryKeyConstraint("batch_id", "line"),
    Index("ix_batch_lines_batch_id_state", "batch_id", "state", "line"),
)
