"""The first tables: mails, their recipients, their events, and suspended modules."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ENDED_AT = sa.column("ended_at", sa.BigInteger)
KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "mails",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("source_id", KEY),
        sa.Column("group_name", sa.String),
        sa.Column("sender", sa.String),
        sa.Column("recipients", sa.String),
        sa.Column("client_ip", sa.String),
        sa.Column("message_id", sa.String),
        sa.Column("size", sa.BigInteger),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("body", KEY),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("state_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("next_try_at", sa.BigInteger),
        sa.Column("attempts", sa.BigInteger),
        sa.Column("reason", sa.String),
        sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
        sa.Column("removed", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "recipients",
        sa.Column("mail_id", KEY, primary_key=True),
        sa.Column("address", KEY, primary_key=True),
        sa.Column("answer", sa.String, nullable=False),
        sa.Column("server", sa.String, nullable=False),
        sa.Column("reply", sa.String, nullable=False),
        sa.Column("tried_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("mail_id", KEY, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("digest", sa.BigInteger, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "modules",
        sa.Column("module", sa.String, primary_key=True),
        sa.Column("suspended", sa.Boolean, nullable=False),
    )
    on_the_way, has_ended = ENDED_AT.is_(None), ENDED_AT.is_not(None)
    has_body = sa.column("body").is_not(None)
    _index("mails_queue", "state", "received_at", "id", only=on_the_way)
    _index("mails_ended", "ended_at", "state", only=has_ended)
    _index("mails_spent", "ended_at", only=has_ended & has_body)
    _index("mails_body", "body", only=has_body)
    _index("mails_removed", "id", only=sa.column("removed", sa.Boolean).is_(True))
    _index("mails_hurried", "id", only=sa.column("generation") > sa.literal_column("0"))


def _index(name: str, *columns: str, only: sa.ColumnElement[bool]) -> None:
    where: dict[str, Any] = {"sqlite_where": only, "postgresql_where": only}
    op.create_index(name, "mails", list(columns), **where)
