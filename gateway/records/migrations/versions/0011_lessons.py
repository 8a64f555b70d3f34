"""What operators taught the spam filter."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
UNREAD = sa.text("content IS NOT NULL")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "lessons",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("told", sa.String, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
        sa.Column("told_by", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("content", sa.LargeBinary),
        sa.Column("features", sa.LargeBinary),
        sa.Column("failure", sa.String, nullable=False),
        sa.Column("removed", sa.Boolean, nullable=False),
    )
    op.create_index("lessons_number", "lessons", ["number"])
    op.create_index("lessons_told", "lessons", ["told_at", "id"])
    op.create_index("lessons_unread", "lessons", ["number"], sqlite_where=UNREAD, postgresql_where=UNREAD)
    op.create_table(
        "lesson_clock",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
