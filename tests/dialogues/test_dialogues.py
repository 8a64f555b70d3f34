"""Plays each dialogue of this folder: whole, and byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.dialogue import play

DIALOGUES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("piece_size", [0, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
async def test_the_receiver_says_what_the_dialogue_says(path: Path, piece_size: int) -> None:
    await play(path, piece_size=piece_size)
