"""Deferred mail as it waits, so that it can be sent early."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column, and drop the index of an order that is now read with the mail it is about."""
    op.add_column("mails", sa.Column("deferred", sa.String))
    op.drop_index("mails_hurried", "mails")
