"""Threads, their messages, and every ended job."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _threads()
    _messages()
    _jobs()


def downgrade() -> None:
    for table in ("jobs", "messages", "threads"):
        op.drop_table(table)


def _threads() -> None:
    op.create_table(
        "threads",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("title_by", sa.String(16)),
        sa.Column("title_job", sa.String(64)),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("head_id", sa.String(64)),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_threads"),
    )
    op.create_index("ix_threads_tenant_updated_at", "threads", ["tenant", "archived", "updated_at", "id"])
    op.create_index("ix_threads_title_job", "threads", ["title_job"])


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("thread_id", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("parent_id", sa.String(64)),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("thinking", sa.Text()),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.Column("tool_calls", sa.JSON()),
        sa.Column("model", sa.String(200)),
        sa.Column("job_id", sa.String(64)),
        sa.Column("worker", sa.String(200)),
        sa.Column("error", sa.JSON()),
        sa.Column("finish_reason", sa.String(32)),
        sa.Column("usage", sa.JSON()),
        sa.Column("timings", sa.JSON()),
        sa.Column("tokens_per_second", sa.Float()),
        sa.Column("feedback", sa.String(8)),
        sa.Column("feedback_comment", sa.Text()),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name="fk_messages_thread_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("thread_id", "id", name="pk_messages"),
    )
    op.create_index("ix_messages_job_id", "messages", ["job_id"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("pool", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("class", sa.String(32), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.String(64), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(200)),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("queued_ms", sa.BigInteger()),
        sa.Column("first_token_ms", sa.BigInteger()),
        sa.Column("total_ms", sa.BigInteger()),
        sa.Column("prompt_tokens", sa.BigInteger()),
        sa.Column("completion_tokens", sa.BigInteger()),
        sa.Column("tokens_per_second", sa.Float()),
        sa.Column("timeline", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_ended_at", "jobs", ["ended_at", "id"])
    op.create_index("ix_jobs_tenant_ended_at", "jobs", ["tenant", "ended_at"])
