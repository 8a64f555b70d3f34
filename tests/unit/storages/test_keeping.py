from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.blobs.carrying import CarryingBlobs
from gateway.blobs.memory import MemoryBlobs
from gateway.domain.authentication import Authentication
from gateway.domain.errors import TemporaryFailure
from gateway.domain.mail import BodyRef, Edit, Mail
from gateway.domain.policy import ObjectStatus, SpamStatus
from gateway.domain.storage import Storage, StorageKind, StoredStatus, as_it_came, status_in_storage
from gateway.records.sql import SqlRecords
from gateway.records.sqlite import open_sqlite
from gateway.storages.memory import MemoryPlace
from gateway.storages.storages import Storages
from tests.support.mails import NOON, a_mail

BODY = b"Subject: hi\r\n\r\nhello\r\n"
BLOBS = CarryingBlobs(MemoryBlobs())
QUARANTINE = Storage(StorageKind.AV_QUARANTINE, "/quarantine/av")
FILE = "/quarantine/av/2026-03-02/AbCdEfGh12345.eml"
PREFACE = (
    b"X-Storage-Entry: AbCdEfGh12345; status=av/infected;\r\n"
    b"\tclient=192.0.2.1; received=Mon, 02 Mar 2026 12:00:00 +0000\r\n"
    b"X-Envelope-From: <sender@client.example>\r\n"
    b"X-Envelope-To: <one@site.example>,\r\n"
    b"\t<two@site.example>\r\n"
)


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqlRecords]:
    opened = await open_sqlite(tmp_path / "records.db")
    yield opened
    await opened.close()


@pytest.fixture
def place() -> MemoryPlace:
    return MemoryPlace()


@pytest.fixture
def storages(place: MemoryPlace, records: SqlRecords) -> Storages:
    return Storages(place, BLOBS, records)


@pytest.fixture
def mail() -> Mail:
    body = BodyRef(f"{'0' * 64}-AbCdEfGh12345", len(BODY), carried=BODY)
    return a_mail("AbCdEfGh12345", "one@site.example", "two@site.example", body=body)


async def test_a_copy_is_the_message_as_it_is_behind_fields_that_say_whose_it_is(
    storages: Storages, place: MemoryPlace, mail: Mail
) -> None:
    changed = replace(mail, top=b"Received: by us\r\n", edits=(Edit(9, 11, b"ho"),))

    await storages.keep(QUARANTINE, changed, StoredStatus.INFECTED, at=NOON)

    assert place.files == {
        FILE: PREFACE + b"Received: by us\r\nSubject: ho\r\n\r\nhello\r\n",
    }


async def test_that_a_copy_was_kept_is_part_of_the_journey(
    storages: Storages, records: SqlRecords, mail: Mail
) -> None:
    await storages.keep(QUARANTINE, mail, StoredStatus.INFECTED, at=NOON)

    [step] = await records.journey(mail.id)
    assert (step.kind, step.at) == ("Stored", NOON)
    assert step.detail == {"storage": "/quarantine/av", "status": "av/infected"}


async def test_nothing_is_kept_in_a_storage_that_is_switched_off(
    storages: Storages, place: MemoryPlace, records: SqlRecords, mail: Mail
) -> None:
    off = Storage(StorageKind.INCOMING, "")

    await storages.prepare(off)
    await storages.keep(off, mail, StoredStatus.RECEIVED, at=NOON)

    assert place.files == {}
    assert await records.journey(mail.id) == []


async def test_a_copy_whose_file_cannot_be_written_is_not_on_record(records: SqlRecords, mail: Mail) -> None:
    class FullPlace(MemoryPlace):
        async def write(self, name: str, pieces: AsyncIterator[bytes], size: int) -> None:
            raise TemporaryFailure("no room")

    with pytest.raises(TemporaryFailure, match="no room"):
        await Storages(FullPlace(), BLOBS, records).keep(QUARANTINE, mail, StoredStatus.INFECTED, at=NOON)

    assert await records.journey(mail.id) == []


async def test_addresses_of_others_cannot_add_lines_to_the_file(
    storages: Storages, place: MemoryPlace, mail: Mail
) -> None:
    hostile = replace(mail, envelope=replace(mail.envelope, sender="a\r\nBcc: b@site.example"))

    await storages.keep(QUARANTINE, hostile, StoredStatus.INFECTED, at=NOON + timedelta(days=3))

    assert b"X-Envelope-From: <a??Bcc: b@site.example>\r\n" in place.files[FILE]


def test_as_it_came_is_without_what_was_forged_in_our_name(mail: Mail) -> None:
    forged = replace(mail, authentication=Authentication(forged=((0, 7),)), edits=(Edit(9, 11, b"ho"),))

    assert as_it_came(forged).edits == (Edit(0, 7),)


def test_as_it_came_is_without_what_stages_added_and_changed(mail: Mail) -> None:
    of_stages = b"X-SpamTest-Status: Spam\r\nKeywords: Spam\r\nX-Anti-Virus: x\r\n\ty\r\n"
    top = of_stages + b"Received: a\r\n\tb\r\nX-Y: z\r\n"

    came = as_it_came(replace(mail, top=top, edits=(Edit(9, 11, b"ho"),)))

    assert came.top == b"Received: a\r\n\tb\r\nX-Y: z\r\n"
    assert came.edits == ()


@pytest.mark.parametrize(
    ("status", "code"),
    [(SpamStatus.SPAM, "as/spam"), (SpamStatus.PROBABLE, "as/probable")]
    + [(status, f"av/{status}") for status in ObjectStatus if status is not ObjectStatus.NOT_CHECKED],
)
def test_a_status_has_its_code_of_the_manual(status: SpamStatus | ObjectStatus, code: str) -> None:
    assert status_in_storage(status) == code
