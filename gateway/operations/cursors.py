"""Places in a listing, as text without a meaning for anybody else."""

from __future__ import annotations

import base64
from datetime import datetime

_NO_CURSOR = "the cursor is not one that a listing gave"


def write(at: datetime, entry_id: str) -> str:
    """The cursor of what stands at that time under that id."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {entry_id}".encode()).decode("ascii")


def read(cursor: str) -> tuple[datetime, str]:
    """What `write` was given. `ValueError` for any other text."""
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
        time, _, entry_id = text.partition(" ")
        at = datetime.fromisoformat(time)
    except ValueError as problem:  # base64, UTF-8 and dates all say so
        raise ValueError(_NO_CURSOR) from problem
    if not entry_id.isprintable() or not entry_id or at.tzinfo is None:
        raise ValueError(_NO_CURSOR)
    return at, entry_id
