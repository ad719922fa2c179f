"""How much of its chat an answer's model was given."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("context_messages", sa.Integer()))


def downgrade() -> None:
    op.drop_column("messages", "context_messages")
