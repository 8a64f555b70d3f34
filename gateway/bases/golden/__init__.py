"""Good messages of all kinds, each in a file: new databases that find anything in them are not used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def good_messages() -> Sequence[Path]:
    """The files, in order."""
    return sorted(Path(__file__).parent.glob("*.eml"))
