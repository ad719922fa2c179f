"""Which caller submitted a job. NULL: an older release wrote the row, and it was its tenant's local principal."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("principal", sa.String(200)))


def downgrade() -> None:
    op.drop_column("jobs", "principal")
