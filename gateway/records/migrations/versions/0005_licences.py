"""The licence keys of the site, and the newest day that it has seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "licence_keys",
        sa.Column("serial", KEY, primary_key=True),
        sa.Column("file", sa.String, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("activated", sa.String),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "licence_clock",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("newest", sa.String, nullable=False),
    )
