"""Every table, as the newest migration leaves it. Times are Unix milliseconds, as everywhere in the wire.

threads    a conversation: its title, settings and the leaf it shows
messages   its messages, a tree by `parent_id`; ids come from the page and are unique within a thread only
jobs       every ended job, once, whatever client made it: what it cost and when; never any text
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

ID = String(64)
NAMES = {  # constraints need names that a later migration can say
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)

threads = Table(
    "threads",
    metadata,
    Column("id", ID, primary_key=True),
    Column("tenant", String(200), nullable=False),
    Column("title", Text),  # NULL: nothing was said yet
    Column("title_by", String(16)),  # "text" (the first words said), "model", "person": the last is never replaced
    Column("title_job", ID),  # the job that is to name it; NULL: none was asked
    Column("archived", Boolean, nullable=False, default=False),
    Column("settings", JSON, nullable=False, default=dict),
    Column("head_id", ID),  # the leaf that is shown; NULL: the newest
    Column("folded", Text, nullable=False, default=""),  # the title as search compares it
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
    Column("parent_id", ID),  # NULL: the first of its branch
    Column("role", String(16), nullable=False),  # "user" | "assistant"
    Column("status", String(16), nullable=False),  # "running" | "complete" | "failed" | "cancelled"
    Column("text", Text, nullable=False, default=""),
    Column("thinking", Text),
    Column("images", JSON, nullable=False, default=list),  # [{"mime", "data"}], data in base64
    Column("tool_calls", JSON),
    Column("model", String(200)),
    Column("job_id", ID),  # of an answer
    Column("worker", String(200)),
    Column("error", JSON),  # {"code", "message", "retryable"} of a failed answer
    Column("finish_reason", String(32)),
    Column("usage", JSON),
    Column("timings", JSON),
    Column("tokens_per_second", Float),
    Column("feedback", String(8)),  # "up" | "down"
    Column("feedback_comment", Text),
    Column("folded", Text, nullable=False, default=""),  # the text as search compares it
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),  # of an answer: when its job ended
    PrimaryKeyConstraint("thread_id", "id"),
    Index("ix_messages_job_id", "job_id"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", ID, primary_key=True),
    Column("pool", String(64), nullable=False),
    Column("tenant", String(200), nullable=False),
    Column("class", String(32), nullable=False, key="cls"),
    Column("model", String(200), nullable=False),
    Column("state", String(16), nullable=False),  # "completed" | "failed" | "cancelled"
    Column("why", String(64), nullable=False, default=""),
    Column("attempt", Integer, nullable=False, default=0),
    Column("tries", Integer, nullable=False, default=0),
    Column("worker", String(200)),
    Column("request_id", String(128), nullable=False, default=""),
    Column("accepted_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("queued_ms", Integer),
    Column("first_token_ms", Integer),
    Column("total_ms", Integer),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("tokens_per_second", Float),
    Column("timeline", JSON, nullable=False, default=list),  # [[pool ms, what, detail], …]
    Index("ix_jobs_ended_at", "ended_at", "id"),
    Index("ix_jobs_tenant_ended_at", "tenant", "ended_at"),
)
