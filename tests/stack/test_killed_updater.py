"""An updater that is killed at any moment leaves the old databases or the new ones; the next one goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from gateway.bases import shelf
from gateway.bases.catalogue import open_set
from gateway.bases.updating import Plan, mirror, roll_back, update
from tests.support.killing import killed_at
from tests.support.updates import FILES, Maker, UpdateSite, a_site

CHANGED = {**FILES, "rules": b"the second rules"}

EVERY = 3
"""The first kill of each third of the steps; together the three tests take every step."""


def at(site: UpdateSite, folder: Path) -> UpdateSite:
    """The same site as it is now, copied to another folder."""
    shutil.copytree(site.folder, folder, symlinks=True)
    return UpdateSite(folder, site.root, site.addresses)


@pytest.fixture
def begun(tmp_path: Path) -> tuple[Maker, UpdateSite, str, str]:
    """A site with the first version of two; both versions."""
    maker, site = a_site(tmp_path)
    first = maker.publish()
    update(site.plan)
    return maker, site, first, maker.publish(CHANGED)


@pytest.mark.parametrize("begin", range(1, EVERY + 1))
def test_an_update_that_is_killed_leaves_whole_databases_and_can_be_done_again(
    begun: tuple[Maker, UpdateSite, str, str], tmp_path: Path, begin: int
) -> None:
    _, site, first, second = begun

    seen = [
        _killed_and_mended(at(site, tmp_path / f"copy-{step}"), step, update, {first, second}, second)
        for step in _steps(site, tmp_path, update, begin)
    ]

    assert {first, second} == set(seen)  # there were kills before the switch, and after it
    assert len(seen) > 20


@pytest.mark.parametrize("begin", range(1, EVERY + 1))
def test_a_first_update_that_is_killed_leaves_nothing_or_whole_databases(tmp_path: Path, begin: int) -> None:
    maker, site = a_site(tmp_path)
    version = maker.publish()
    site.folder.mkdir()

    for step in _steps(site, tmp_path, update, begin):
        _killed_and_mended(at(site, tmp_path / f"copy-{step}"), step, update, {None, version}, version)


def test_a_way_back_that_is_killed_leaves_whole_databases_and_can_be_done_again(
    begun: tuple[Maker, UpdateSite, str, str], tmp_path: Path
) -> None:
    _, site, first, second = begun
    update(site.plan)
    shutil.rmtree(site.place() / first)  # so that it comes from the backup

    for step in _steps(site, tmp_path, roll_back, 1, every=1):
        _killed_and_mended(at(site, tmp_path / f"copy-{step}"), step, roll_back, {first, second}, first)


def test_a_mirror_whose_updater_is_killed_serves_the_old_state_or_the_new_one(
    begun: tuple[Maker, UpdateSite, str, str], tmp_path: Path
) -> None:
    maker, site, first, second = begun
    served = tmp_path / "mirror"
    old = at(site, tmp_path / "old")
    old.addresses = [str(maker.folder)]
    mirror(site.plan, served)
    third = maker.publish({**FILES, "rules": b"the third rules"})

    for step in count(1):
        folder = tmp_path / f"mirror-{step}"
        shutil.copytree(served, folder)
        killed = killed_at(step, partial(mirror, site.plan, folder))
        client = UpdateSite(tmp_path / f"client-{step}", site.root, [str(folder)])
        update(client.plan)
        assert client.in_use() in {second, third}
        if not killed:
            assert client.in_use() == third
            break
    assert first not in {second, third}


def _steps(
    site: UpdateSite, folder: Path, work: Callable[[Plan], object], begin: int, *, every: int = EVERY
) -> range:
    """The numbers of those steps at which the work is to be killed."""
    for most in count(100, 200):
        if not killed_at(most, partial(work, at(site, folder / f"trial-{most}").plan)):
            return range(begin, most, every)
    raise AssertionError


def _killed_and_mended(
    site: UpdateSite,
    step: int,
    work: Callable[[Plan], object],
    before: set[str | None],
    after: str,
) -> str | None:
    """Kill the work at a step, see that all is whole, and do the work again; what was in use meanwhile."""
    killed_at(step, lambda: work(site.plan))
    left = site.in_use()
    assert left in before, f"step {step}"
    for version in shelf.versions(site.place()):
        open_set(site.place() / version)

    work(site.plan)
    assert site.in_use() == after
    assert not [path for path in site.place().iterdir() if path.name.startswith(".")], (
        "something was left behind"
    )
    shutil.rmtree(site.folder)
    return left
