"""Which numbers of the sequence had an event that was dropped on purpose, once it was older than it is kept for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "compacted",
        sa.Column("from_seq", WIDE, autoincrement=False, nullable=False),
        sa.Column("to_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("from_seq"),
    )
    op.execute(sa.text(_DROPPED_BEFORE).bindparams(scan="SCAN_SUMMARY"))


_DROPPED_BEFORE = """
INSERT INTO compacted (from_seq, to_seq)
SELECT before + 1, seq - 1
FROM (SELECT seq, lag(seq, 1, 0) OVER (ORDER BY seq) AS before FROM events) AS side_by_side
WHERE seq > before + 1 AND seq <= coalesce(
    (SELECT min(seq) FROM events WHERE type = :scan AND run_id IN (SELECT run_id FROM runs WHERE live)),
    (SELECT max(seq) FROM events WHERE run_id IN (SELECT run_id FROM runs WHERE live)),
    0
)
"""
"""Up to the oldest scan of a live run that is still there, what is missing was dropped without being noted."""
