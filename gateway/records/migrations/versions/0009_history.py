"""What mail is found by, events in the order of time, and who changed what over the API."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the column, the indexes and the table."""
    op.add_column("mails", sa.Column("subject", sa.String))
    op.create_index("mails_received", "mails", ["received_at", "id"])
    _index("mails_message_id", "message_id", only=sa.column("message_id") != sa.literal_column("''"))
    _index("mails_copies", "source_id", only=sa.column("source_id") != sa.column("id"))
    op.create_index("events_at", "events", ["at", "mail_id", "digest"])
    op.create_table(
        "audit",
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("id", KEY, primary_key=True),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("result", sa.Integer),
        sa.Column("detail", sa.String, nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )


def _index(name: str, column: str, *, only: sa.ColumnElement[bool]) -> None:
    where: dict[str, Any] = {"sqlite_where": only, "postgresql_where": only}
    op.create_index(name, "mails", [column], **where)
