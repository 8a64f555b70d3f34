"""What records promise about the entries of storages, asked of both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.domain.journey import Stored
from gateway.domain.mail import Notify, Recipient
from gateway.domain.storage import StorageEntry, StoredStatus
from gateway.records.entries import EntryFilter, EntryPlace, Holdings
from gateway.records.shelves import CHANGED_AT_ONCE
from gateway.records.sql import SqlRecords
from tests.support.mails import NOON, a_mail

AV, SPAM = "/quarantine/av", "/quarantine/spam"
ALL = EntryFilter()
TABLES = "storage_entries, events"


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def an_entry(entry_id: str, minutes: float = 0, storage: str = AV, **changes: object) -> StorageEntry:
    entry = StorageEntry(
        storage=storage,
        mail=a_mail(entry_id),
        status=StoredStatus.INFECTED,
        size=1000,
        preface=120,
        stored_at=after(minutes),
    )
    return replace(entry, **changes)  # type: ignore[arg-type]  # the caller names fields of StorageEntry


async def keep(records: SqlRecords, *entries: StorageEntry) -> None:
    await records.keep(*(Stored(entry, entry.stored_at) for entry in entries))


async def ids(
    records: SqlRecords,
    wanted: EntryFilter = ALL,
    behind: EntryPlace | None = None,
    *,
    storage: str = AV,
    newest_first: bool = False,
) -> list[str]:
    found = records.entries.walk(storage, wanted, behind, newest_first=newest_first)
    return [entry.id async for entry in found]


async def order(
    records: SqlRecords,
    named: Sequence[str] | None = None,
    *,
    checked: bool = True,
    again: bool = False,
    minutes: float = 10,
) -> int:
    return await records.entries.order(AV, named, checked=checked, again=again, at=after(minutes))


async def claimed(records: SqlRecords, minutes: float, most: int = 100) -> list[str]:
    found = await records.entries.claim(after(minutes), after(minutes + 1), most)
    return sorted(released.entry.id for released in found)


async def the_entry(records: SqlRecords, entry_id: str) -> StorageEntry:
    found = await records.entries.find(AV, entry_id)
    assert found is not None
    return found


async def test_an_entry_is_found_as_it_was_kept(records: SqlRecords) -> None:
    to = Recipient("ö@site.example", (Notify.DELAY,), "rfc822;o@site.example")
    mail = a_mail("one", group="sales", source_id="whole", message_id='<"1\x00@client.example>')
    entry = an_entry("one", mail=replace(mail, envelope=replace(mail.envelope, recipients=(to,))))

    await keep(records, entry)

    assert await records.entries.find(AV, "one") == entry
    assert await records.entries.find(SPAM, "one") is None
    assert await records.entries.find(AV, "two") is None


async def test_an_entry_that_is_kept_again_is_one_with_what_it_was_last(records: SqlRecords) -> None:
    more = a_mail("one", "a@site.example", "b@site.example")

    await keep(records, an_entry("one", 0))
    await keep(records, an_entry("one", 5, mail=more, size=7), an_entry("one", 6, mail=more, size=8))

    assert await ids(records) == ["one"]
    assert await the_entry(records, "one") == an_entry("one", 0, mail=more, size=8)


async def test_storages_are_apart(records: SqlRecords) -> None:
    await keep(records, an_entry("one"), an_entry("two", storage=SPAM, size=5), an_entry("one", storage=SPAM))

    assert await ids(records) == ["one"]
    assert await ids(records, storage=SPAM) == ["one", "two"]
    assert await records.entries.storages() == [AV, SPAM]
    assert await records.entries.holdings(AV) == Holdings(1, 1000)
    assert await records.entries.holdings(SPAM) == Holdings(2, 1005)
    assert await records.entries.holdings("/nowhere") == Holdings(0, 0)


async def test_entries_are_walked_in_both_directions_from_any_place(records: SqlRecords) -> None:
    await keep(records, *(an_entry(f"e{number}", number // 2) for number in range(6)))

    assert await ids(records) == ["e0", "e1", "e2", "e3", "e4", "e5"]
    assert await ids(records, newest_first=True) == ["e5", "e4", "e3", "e2", "e1", "e0"]
    assert await ids(records, behind=EntryPlace(after(1), "e2")) == ["e3", "e4", "e5"]
    assert await ids(records, behind=EntryPlace(after(1), "e2"), newest_first=True) == ["e1", "e0"]


async def test_a_walk_goes_on_over_many_pages(records: SqlRecords) -> None:
    await keep(records, *(an_entry(f"e{number:04}", number) for number in range(1201)))

    assert await ids(records) == [f"e{number:04}" for number in range(1201)]


def from_to(entry_id: str, sender: str, *recipients: str, minutes: float = 0) -> StorageEntry:
    mail = a_mail(entry_id, *recipients)
    return an_entry(entry_id, minutes, mail=replace(mail, envelope=replace(mail.envelope, sender=sender)))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EntryFilter(statuses=(StoredStatus.INFECTED,)), ["a", "b", "c"]),
        (EntryFilter(statuses=(StoredStatus.ERROR, StoredStatus.SPAM)), ["d"]),
        (EntryFilter(sender="*@ONE.example"), ["a"]),
        (EntryFilter(sender="_@one.example"), []),
        (EntryFilter(sender="?@one.example"), ["a"]),
        (EntryFilter(sender="%"), []),
        (EntryFilter(sender="ÄRGER@*"), ["c"]),
        (EntryFilter(recipient="x@site.example"), ["a", "b"]),
        (EntryFilter(recipient="x@*other.example"), []),
        (EntryFilter(recipient='"q\\"@site.example'), ["c"]),
        (EntryFilter(since=after(1), before=after(3)), ["b", "c"]),
        (EntryFilter(since=after(1), sender="*@two.example", recipient="x*"), ["b"]),
    ],
    ids=str,
)
async def test_a_walk_gives_what_is_wanted(
    records: SqlRecords, wanted: EntryFilter, found: list[str]
) -> None:
    await keep(
        records,
        from_to("a", "a@one.example", "x@site.example", "y@other.example"),
        from_to("b", "b@two.example", "x@site.example", minutes=1),
        from_to("c", "ärger@two.example", '"q\\"@site.example', minutes=2),
        an_entry("d", 3, status=StoredStatus.ERROR),
    )

    assert await ids(records, wanted) == found


async def test_a_removed_entry_is_gone_at_once_and_its_file_is_told_until_it_is_forgotten(
    records: SqlRecords,
) -> None:
    await keep(records, an_entry("one"), an_entry("two"), an_entry("one", storage=SPAM))

    assert await records.entries.remove(AV, ["one", "three"]) == 1

    assert await ids(records) == ["two"]
    assert await records.entries.find(AV, "one") is None
    assert await records.entries.holdings(AV) == Holdings(1, 1000)
    assert await records.entries.remove(AV, ["one"]) == 0
    assert await order(records, ["one"]) == 0
    [gone] = await records.entries.removed(10)
    assert gone.name == "/quarantine/av/2026-03-02/one.eml"
    await records.entries.forget([gone])
    assert await records.entries.removed(10) == []
    assert await ids(records, storage=SPAM) == ["one"]


async def test_all_of_a_storage_is_removed_but_what_is_to_be_released(records: SqlRecords) -> None:
    many = [an_entry(f"e{number:04}", number) for number in range(CHANGED_AT_ONCE + 1)]
    await keep(records, *many, an_entry("other", storage=SPAM))
    await order(records, ["e0000"])

    assert await records.entries.remove(AV, None) == CHANGED_AT_ONCE

    assert await ids(records) == ["e0000"]
    assert await ids(records, storage=SPAM) == ["other"]
    gone = await records.entries.removed(10_000)
    await records.entries.forget(gone)
    assert len(gone) == CHANGED_AT_ONCE
    assert await records.entries.removed(1) == []


async def test_what_is_old_enough_is_removed(records: SqlRecords) -> None:
    await keep(records, an_entry("one", 0), an_entry("two", 1), an_entry("three", 0, storage=SPAM))

    assert await records.entries.remove_before(AV, after(1)) == 1

    assert await ids(records) == ["two"]
    assert await ids(records, storage=SPAM) == ["three"]


async def test_a_release_is_claimed_by_one_and_concluded_once(records: SqlRecords) -> None:
    await keep(records, an_entry("one"), an_entry("two"))

    assert await order(records, ["one"], checked=False) == 1
    assert await order(records, ["one"]) == 0
    [release] = await records.entries.claim(after(11), after(12), 10)
    assert (release.entry, release.checked) == (an_entry("one", ordered_at=after(10)), False)
    assert await claimed(records, 11.5) == []
    await records.entries.released(release.entry, after(13))
    await records.entries.released(release.entry, after(14))

    assert await the_entry(records, "one") == an_entry("one", release=1, released_at=after(13))
    assert await claimed(records, 20) == []


async def test_a_claim_that_was_not_concluded_in_time_is_free_again(records: SqlRecords) -> None:
    await keep(records, an_entry("one"))
    await order(records)

    assert await claimed(records, 11) == ["one"]
    assert await claimed(records, 11.9) == []
    assert await claimed(records, 12) == ["one"]


async def test_a_claim_that_is_held_on_to_lasts_longer(records: SqlRecords) -> None:
    await keep(records, an_entry("one"), an_entry("two"))
    await order(records, ["one"])
    assert await claimed(records, 11) == ["one"]
    await order(records, ["two"])
    assert await claimed(records, 11.5) == ["two"]

    await records.entries.hold(after(12), after(20))

    assert await claimed(records, 13) == ["two"]
    assert await claimed(records, 20) == ["one", "two"]


async def test_many_who_claim_at_once_get_each_release_once(records: SqlRecords) -> None:
    await keep(records, *(an_entry(f"e{number:02}") for number in range(40)))
    await order(records)

    parts = await asyncio.gather(*(claimed(records, 11, most=7) for _ in range(8)))

    everything = sorted(entry_id for part in parts for entry_id in part)
    assert everything == sorted(set(everything))
    while more := await claimed(records, 11, most=7):
        everything += more
    assert sorted(everything) == [f"e{number:02}" for number in range(40)]


async def test_a_release_that_failed_is_ordered_no_more_and_says_why(records: SqlRecords) -> None:
    await keep(records, an_entry("one"))
    await order(records)
    [release] = await records.entries.claim(after(11), after(12), 10)

    await records.entries.failed(release.entry, "its file is missing")

    assert await the_entry(records, "one") == an_entry("one", failure="its file is missing")
    assert await order(records, ["one"]) == 1
    assert (await the_entry(records, "one")).failure == ""


async def test_what_was_released_is_released_again_only_on_demand(records: SqlRecords) -> None:
    await keep(records, an_entry("one"), an_entry("two"))
    await order(records, ["one"])
    [release] = await records.entries.claim(after(11), after(12), 10)
    await records.entries.released(release.entry, after(13))

    assert await order(records, ["one"]) == 0
    assert await order(records) == 1
    assert await order(records, ["one"], again=True) == 1
    assert await claimed(records, 20) == ["one", "two"]


async def test_many_are_ordered_with_one_word(records: SqlRecords) -> None:
    await keep(records, *(an_entry(f"e{number:04}", number) for number in range(CHANGED_AT_ONCE + 1)))

    assert await order(records) == CHANGED_AT_ONCE + 1
    assert await order(records) == 0


async def test_what_is_to_be_released_cannot_be_removed(records: SqlRecords) -> None:
    await keep(records, an_entry("one"))
    await order(records, ["one"])

    assert await records.entries.remove(AV, ["one"]) == 0
    assert await records.entries.remove_before(AV, after(60)) == 0
    assert await ids(records) == ["one"]
