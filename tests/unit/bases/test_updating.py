from __future__ import annotations

import fcntl
import os
from datetime import date
from pathlib import Path

import pytest

from gateway.bases import collecting, shelf
from gateway.bases.catalogue import open_set
from gateway.bases.updating import (
    STATE,
    AlreadyRunning,
    Change,
    Outcome,
    UpdateFailed,
    mirror,
    roll_back,
    update,
)
from tests.support.update_server import update_host
from tests.support.updates import FILES, UpdateSite, a_site

CHANGED = {**FILES, "rules": b"the second rules"}


def only(changes: tuple[Change, ...]) -> Change:
    (change,) = changes
    return change


def test_the_first_update_brings_a_set_and_puts_it_into_use(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    version = maker.publish()

    result = update(site.plan)

    change = only(result.changes)
    assert (change.outcome, change.before, change.version, change.records) == (
        Outcome.UPDATED,
        "",
        version,
        2,
    )
    assert site.in_use() == version


def test_there_is_nothing_to_update_when_the_newest_set_is_in_use(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    version = maker.publish()
    update(site.plan)

    change = only(update(site.plan).changes)

    assert (change.outcome, change.version) == (Outcome.CURRENT, version)


def test_a_family_that_nobody_has_published_is_nothing_new(tmp_path: Path) -> None:
    _, site = a_site(tmp_path)

    assert only(update(site.plan).changes).outcome is Outcome.CURRENT
    assert site.in_use() is None


def test_only_files_that_changed_are_fetched(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    maker.publish()
    with update_host(maker.folder) as host:
        site.addresses = [host.url]
        update(site.plan)
        maker.publish(CHANGED)
        host.asked.clear()

        update(site.plan)

        assert host.fetched(".rules")
        assert not host.fetched(".words")
    new = open_set(site.place() / "current")
    assert (new.folder / "words").read_bytes() == FILES["words"]
    assert (new.folder / "rules").read_bytes() == b"the second rules"


def test_a_file_that_was_damaged_on_the_disk_is_fetched_anew(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    first = maker.publish()
    update(site.plan)
    (site.place() / first / "words").write_bytes(b"damaged")
    second = maker.publish(CHANGED)

    update(site.plan)

    assert site.in_use() == second


def test_an_older_set_than_the_one_in_use_is_nothing_new(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    maker.made = 10
    newer = maker.publish()
    update(site.plan)
    maker.made = 2
    maker.publish(CHANGED)

    assert only(update(site.plan).changes).outcome is Outcome.CURRENT
    assert site.in_use() == newer


def test_the_next_source_is_asked_when_one_fails(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    version = maker.publish()
    (tmp_path / "empty").mkdir()
    site.addresses = [
        "http://127.0.0.1:1/",
        "gopher://updates.example/",
        str(tmp_path / "empty"),
        maker.folder.as_uri(),
    ]

    result = update(site.plan)

    assert result.source == str(maker.folder)
    assert len(result.troubles) == 3
    assert "gopher://updates.example/: is no source" in result.troubles[1]
    assert "timestamp.json: there is no such file" in result.troubles[2]
    assert site.in_use() == version


def test_a_source_that_fails_on_the_way_leaves_the_rest_to_the_next_and_what_came_is_kept(
    tmp_path: Path,
) -> None:
    maker, site = a_site(tmp_path)
    version = maker.publish()
    with update_host(maker.folder) as broken, update_host(maker.folder) as sound:
        broken.statuses[".words"] = 500
        site.addresses = [broken.url, sound.url]

        result = update(site.plan)

        assert broken.fetched(".rules")
        assert not sound.fetched(".rules")
    assert "answers with 500" in result.troubles[0]
    assert site.in_use() == version


def test_without_any_source_that_works_nothing_changes_and_all_reasons_are_told(tmp_path: Path) -> None:
    _, site = a_site(tmp_path)
    site.addresses = ["/nowhere.example", "/neither.example"]

    with pytest.raises(UpdateFailed, match=r"/nowhere\.example.*; /neither\.example") as failed:
        update(site.plan)

    assert "there is no such directory" in str(failed.value)


def test_a_dry_run_tells_what_would_be_updated_and_changes_nothing(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    version = maker.publish()

    change = only(update(site.plan, dry_run=True).changes)

    assert (change.outcome, change.version) == (Outcome.UPDATED, version)
    assert site.in_use() is None
    assert not shelf.versions(site.place())


def test_databases_made_after_the_licence_ended_are_not_fetched(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    maker.publish()
    site.licensed_until = date(2026, 2, 28)

    change = only(update(site.plan).changes)

    assert change.outcome is Outcome.NOT_LICENSED
    assert not shelf.versions(site.place())


def test_databases_that_fail_their_test_are_refused_once_and_the_old_ones_stay(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    first = maker.publish()
    update(site.plan)
    second = maker.publish(CHANGED)
    site.unfit[second] = "finds something in everything"

    changes = [only(update(site.plan).changes) for _ in range(2)]

    assert [change.outcome for change in changes] == [Outcome.REFUSED, Outcome.PASSED_OVER]
    assert {change.detail for change in changes} == {"finds something in everything"}
    assert site.in_use() == first
    third = maker.publish({**FILES, "rules": b"the third rules"})
    assert only(update(site.plan).changes).outcome is Outcome.UPDATED
    assert site.in_use() == third


def test_an_operator_can_have_a_refused_version_tried_again(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    version = maker.publish()
    site.unfit[version] = "a disk was full"
    update(site.plan)
    site.unfit.clear()

    assert only(update(site.plan).changes).outcome is Outcome.PASSED_OVER
    assert only(update(site.again).changes).outcome is Outcome.UPDATED


def test_the_databases_of_before_are_in_the_backup_and_an_operator_can_go_back(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    first = maker.publish()
    update(site.plan)
    second = maker.publish(CHANGED)
    update(site.plan)
    assert shelf.versions(site.plan.backup / "av") == (first,)

    would = only(roll_back(site.plan, dry_run=True).changes)
    assert (would.outcome, site.in_use()) == (Outcome.ROLLED_BACK, second)
    change = only(roll_back(site.plan).changes)

    assert (change.outcome, change.before, change.version) == (Outcome.ROLLED_BACK, second, first)
    assert site.in_use() == first
    assert only(roll_back(site.plan).changes).outcome is Outcome.CURRENT
    # What was gone back from does not come again by itself.
    assert only(update(site.plan).changes).outcome is Outcome.PASSED_OVER
    assert only(update(site.again).changes).outcome is Outcome.UPDATED
    assert site.in_use() == second


def test_the_way_back_works_also_when_the_shelf_lost_the_old_set(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    first = maker.publish()
    update(site.plan)
    maker.publish(CHANGED)
    update(site.plan)
    (site.place() / first).rename(tmp_path / "gone")

    roll_back(site.plan)

    assert site.in_use() == first


def test_without_a_backup_there_is_no_way_back(tmp_path: Path) -> None:
    _, site = a_site(tmp_path)

    with pytest.raises(UpdateFailed, match="there is no backup to go back to"):
        roll_back(site.plan)


def test_a_switch_that_fails_restores_the_databases_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker, site = a_site(tmp_path)
    first = maker.publish()
    update(site.plan)
    second = maker.publish(CHANGED)
    put = shelf.put

    def put_and_damage(place: Path, made: Path) -> object:
        done = put(place, made)
        if done.manifest.version == second:
            (done.folder / "rules").write_bytes(b"a disk that forgets")
        return done

    monkeypatch.setattr(shelf, "put", put_and_damage)

    change = only(update(site.plan).changes)

    assert change.outcome is Outcome.FAILED
    assert "is not the file that the manifest describes" in change.detail
    assert site.in_use() == first


def test_one_updater_works_at_a_time(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    maker.publish()
    state = site.plan.bases / STATE
    state.mkdir(parents=True)
    descriptor = os.open(state / "lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunning, match="another updater is at work"):
            update(site.plan)
    finally:
        os.close(descriptor)

    assert update(site.plan).has(Outcome.UPDATED)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    maker.publish()
    site.folder.mkdir()
    (site.folder / "bases").write_text("a file where a directory should be")

    with pytest.raises(UpdateFailed, match="Not a directory"):
        update(site.plan)


def test_a_backup_that_cannot_be_made_keeps_the_databases_in_use(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    first = maker.publish()
    update(site.plan)
    maker.publish(CHANGED)
    (site.folder / "bases.backup").write_text("a file where a directory should be")

    change = only(update(site.plan).changes)

    assert (change.outcome, site.in_use()) == (Outcome.FAILED, first)


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker, site = a_site(tmp_path)
    maker.publish()
    monkeypatch.setattr(collecting, "FREE_BYTES", 1 << 60)

    change = only(update(site.plan).changes)

    assert (change.outcome, "too little room" in change.detail) == (Outcome.FAILED, True)
    assert site.in_use() is None


def test_a_mirror_is_an_update_server(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    maker.publish()

    copied = mirror(site.plan, tmp_path / "mirror")

    other = UpdateSite(tmp_path / "other", site.root, [str(tmp_path / "mirror")])
    assert update(other.plan).has(Outcome.UPDATED)
    assert site.in_use() is None  # to serve others is not to update oneself
    # Root, targets, snapshot and timestamp; the manifest and two files.
    assert (copied, mirror(site.plan, tmp_path / "mirror")) == (7, 0)


def test_a_mirror_keeps_what_belongs_to_the_version_before_and_no_more(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    place = tmp_path / "mirror"
    for number in range(3):
        maker.publish({**FILES, "rules": f"rules {number}".encode()})
        mirror(site.plan, place)

    kept = sorted(path.read_bytes() for path in (place / "targets" / "av").glob("*.rules"))

    assert kept == [b"rules 1", b"rules 2"]


def test_a_mirror_hands_on_all_roots(tmp_path: Path) -> None:
    from cli.maker.publishing import Role
    from tests.support.updates import new_keys

    maker, site = a_site(tmp_path)
    first = site.root
    fresh = new_keys()
    maker.server.rotate(Role.ROOT, fresh[Role.ROOT])
    maker.keys[Role.ROOT] = fresh[Role.ROOT]
    maker.publish()
    site.root = maker.server.root().read_bytes()  # a later version of the gateway

    mirror(site.plan, tmp_path / "mirror")

    older = UpdateSite(tmp_path / "older", first, [str(tmp_path / "mirror")])
    assert update(older.plan).has(Outcome.UPDATED)
