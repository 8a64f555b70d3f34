"""The sums of what is counted, by hour and process."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "counts",
        sa.Column("hour", sa.BigInteger, primary_key=True),
        sa.Column("counter", KEY, primary_key=True),
        sa.Column("source", KEY, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
