"""Copies of mail in storages, and what operators ordered about them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "storage_entries",
        sa.Column("storage", KEY, primary_key=True),
        sa.Column("id", KEY, primary_key=True),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("preface", sa.Integer, nullable=False),
        sa.Column("stored_at", sa.BigInteger, nullable=False),
        sa.Column("sender", sa.String, nullable=False),
        sa.Column("recipients", sa.String, nullable=False),
        sa.Column("mail", sa.String, nullable=False),
        sa.Column("release", sa.Integer, nullable=False, server_default="0"),
        sa.Column("released_at", sa.BigInteger),
        sa.Column("ordered_at", sa.BigInteger),
        sa.Column("checked", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("claimed_until", sa.BigInteger),
        sa.Column("failure", sa.String, nullable=False, server_default=""),
        sa.Column("removed", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    removed = sa.column("removed", sa.Boolean)
    _index("kept", "storage", "stored_at", "id", "size", only=removed.is_(False))
    _index("ordered", "ordered_at", only=sa.column("ordered_at").is_not(None))
    _index("removed", "storage", "id", only=removed.is_(True))


def _index(name: str, *columns: str, only: sa.ColumnElement[bool]) -> None:
    where: dict[str, Any] = {"sqlite_where": only, "postgresql_where": only}
    op.create_index(f"storage_entries_{name}", "storage_entries", list(columns), **where)
