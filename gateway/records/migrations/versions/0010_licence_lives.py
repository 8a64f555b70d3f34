"""One key for each place, lists of revoked keys, what administrators were told, and what is so now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
IN_USE = sa.text("place IN ('active', 'backup')")


def upgrade() -> None:
    """Make the tables; of keys that have one place, the one that counted keeps it."""
    op.execute(
        "UPDATE licence_keys SET place = 'removed' WHERE place IN ('active', 'backup') AND EXISTS"
        " (SELECT 1 FROM licence_keys AS other"
        " WHERE other.place = licence_keys.place AND other.serial > licence_keys.serial)"
    )
    op.create_index(
        "licence_keys_in_use",
        "licence_keys",
        ["place"],
        unique=True,
        sqlite_where=IN_USE,
        postgresql_where=IN_USE,
    )
    op.create_table(
        "licence_revocations",
        sa.Column("signer", KEY, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "announcements",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gauges",
        sa.Column("gauge", KEY, primary_key=True),
        sa.Column("source", KEY, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
