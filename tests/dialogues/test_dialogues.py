"""Plays each dialogue of this folder: whole, and byte by byte unless it says that it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.dialogue import play, read_dialogue

DIALOGUES = sorted(Path(__file__).parent.glob("*.txt"))
WAYS = [(path, 0) for path in DIALOGUES] + [
    (path, 1) for path in DIALOGUES if not read_dialogue(path)[0].whole
]


@pytest.mark.parametrize(
    ("path", "piece_size"),
    WAYS,
    ids=[f"{path.stem}-{'bytewise' if piece_size else 'whole'}" for path, piece_size in WAYS],
)
async def test_the_receiver_says_what_the_dialogue_says(path: Path, piece_size: int) -> None:
    await play(path, piece_size=piece_size)
