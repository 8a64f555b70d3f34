from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.pipeline import QueueState
from gateway.operations.queue import cursor_of, list_queue, place_of
from gateway.records.port import MailRecord, QueuePlace
from tests.support.records import A_MAIL, ReadRecords


def mails(count: int) -> list[MailRecord]:
    # Two arrive at the same time, always.
    return [
        replace(A_MAIL, id=f"mail{n}", received_at=A_MAIL.received_at + timedelta(seconds=n // 2))
        for n in range(count)
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 100])
async def test_pages_show_each_mail_once_and_in_order(size: int) -> None:
    records = ReadRecords(mails(7))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await list_queue(records, cursor=cursor, most=size)
        seen += [mail.id for mail in page.mails]
        cursor = page.next

    assert seen == [f"mail{n}" for n in range(7)]


async def test_mail_that_left_moves_no_other_to_another_page() -> None:
    records = ReadRecords(mails(6))
    first = await list_queue(records, most=3)
    del records.mails[0:3]
    second = await list_queue(records, cursor=first.next or "", most=3)

    assert [mail.id for mail in second.mails] == ["mail3", "mail4", "mail5"]


async def test_only_the_states_asked_for_are_listed() -> None:
    records = ReadRecords([A_MAIL, replace(A_MAIL, id="b", state="QUE"), replace(A_MAIL, state="blocked")])

    page = await list_queue(records, states=[QueueState.QUE])

    assert [mail.id for mail in page.mails] == ["b"]


def test_a_cursor_leads_back_to_its_place() -> None:
    assert place_of(cursor_of(A_MAIL)) == QueuePlace(A_MAIL.received_at, A_MAIL.id)


@pytest.mark.parametrize("cursor", ["x", "é", "====", "MjAyNi0wMS0wNQ==", "MjAyNi0wMS0wNSBhYg==", "gICA"])
def test_a_text_that_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        place_of(cursor)
