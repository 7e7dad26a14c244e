"""What managing a position leaves: stops that were moved, and what a closed trade is counted under."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stop_changes",
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("stop", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("orders", sa.Column("reasons", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("trades", sa.Column("flat", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("trades", sa.Column("session", sa.Text(), nullable=False, server_default=""))
    op.add_column("trades", sa.Column("factors", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("trades", sa.Column("seq", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE trades SET seq = coalesce((SELECT f.seq FROM fills AS f WHERE f.id = trades.fill_id), 0)")
    op.execute(sa.text(_PARTS).bindparams(no=False))


_PARTS = """
UPDATE trades SET flat = :no
WHERE EXISTS (
    SELECT 1 FROM trades AS later WHERE later.account = trades.account AND later.symbol = trades.symbol
    AND later.opened_at = trades.opened_at AND later.seq > trades.seq
) OR EXISTS (
    SELECT 1 FROM positions AS held WHERE held.account = trades.account AND held.symbol = trades.symbol
    AND held.opened_at = trades.opened_at
)
"""
"""Closes after which something of the position was left."""
