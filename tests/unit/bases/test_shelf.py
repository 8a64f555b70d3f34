from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.bases import shelf
from gateway.bases.catalogue import UnusableSet, open_set
from tests.support.bases import MADE_AT, a_set, a_set_in_use


def several_sets(place: Path, count: int) -> list[str]:
    """Sets that came one after the other, each of them switched to."""
    return [
        a_set_in_use(place, {"rules": b"%d" % number}, MADE_AT + timedelta(hours=number)).manifest.version
        for number in range(count)
    ]


def test_a_shelf_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert shelf.versions(tmp_path / "av") == ()
    assert shelf.current_version(tmp_path / "av") is None


def test_a_set_is_put_on_the_shelf_without_being_used(tmp_path: Path) -> None:
    made = a_set(tmp_path / "new", {"rules": b"1"})

    put = shelf.put(tmp_path, made.folder)

    assert open_set(put.folder).manifest == made.manifest
    assert shelf.versions(tmp_path) == (made.manifest.version,)
    assert shelf.current_version(tmp_path) is None
    assert not made.folder.exists()


def test_a_set_that_is_there_already_stays(tmp_path: Path) -> None:
    first = shelf.put(tmp_path, a_set(tmp_path / ".new", {"rules": b"1"}).folder)
    again = a_set(tmp_path / ".new", {"rules": b"1"})

    assert shelf.put(tmp_path, again.folder) == first
    assert not again.folder.exists()


def test_the_set_in_use_is_the_one_that_was_switched_to_last(tmp_path: Path) -> None:
    older, newer = several_sets(tmp_path, 2)

    assert shelf.current_version(tmp_path) == newer
    assert (tmp_path / shelf.CURRENT / "rules").read_bytes() == b"1"

    shelf.switch(tmp_path, older)

    assert shelf.current_version(tmp_path) == older


def test_nobody_switches_to_a_set_that_is_not_there(tmp_path: Path) -> None:
    (only,) = several_sets(tmp_path, 1)

    with pytest.raises(UnusableSet, match="there is no set 2027"):
        shelf.switch(tmp_path, "2027")

    assert shelf.current_version(tmp_path) == only


def test_the_newest_sets_and_the_one_in_use_stay_when_old_ones_are_put_away(tmp_path: Path) -> None:
    first, second, *newest = several_sets(tmp_path, 5)
    shelf.switch(tmp_path, first)

    assert shelf.put_away(tmp_path) == (second,)
    assert shelf.versions(tmp_path) == (first, *newest)
