"""What reconciling and replay keep: how far a venue's fills were read, what is held that is not ours, and the
moment at which a live cycle decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "venue_cursors",
        sa.Column("account", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("venue", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "venue"),
    )
    op.create_table(
        "foreign_holdings",
        sa.Column("account", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("venue", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "venue", "kind", "key"),
    )
    op.add_column("cycles", sa.Column("now", sa.BigInteger(), nullable=True))
