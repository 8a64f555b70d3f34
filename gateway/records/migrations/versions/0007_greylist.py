"""Who was told to come again, and came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "greylist",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("client", KEY, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("passed_at", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    has_passed = sa.column("passed_at").is_not(None)
    op.create_index("greylist_expires", "greylist", ["expires_at"])
    op.create_index(
        "greylist_proofs", "greylist", ["client"], sqlite_where=has_passed, postgresql_where=has_passed
    )
