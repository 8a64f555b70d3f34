from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.mail import BodyRef, Edit, Envelope, Mail, Recipient
from gateway.domain.message import Span, composed, pieces, with_edits

BODY = b"0123456789"


def a_mail(*edits: Edit, top: bytes = b"", size: int = len(BODY)) -> Mail:
    envelope = Envelope(
        sender="a@a.example",
        recipients=(Recipient("b@b.example"),),
        client_ip="192.0.2.1",
        received_at=datetime(2024, 1, 1, tzinfo=UTC),
    )
    body = BodyRef("0" * 64 + "-AAAAAAAA00001", size)
    return Mail(
        id="AAAAAAAA00001", source_id="AAAAAAAA00001", envelope=envelope, body=body, top=top, edits=edits
    )


def test_an_untouched_message_leaves_as_it_came_below_the_added_fields() -> None:
    mail = a_mail(top=b"X-A: b\r\n")

    assert composed(mail, BODY) == b"X-A: b\r\n0123456789"
    assert list(pieces(mail)) == [b"X-A: b\r\n", Span(0, 10)]


def test_edits_replace_insert_and_delete_and_nothing_else_changes() -> None:
    mail = a_mail(Edit(0, 1, b"A"), Edit(3, 3, b"--"), Edit(5, 7), Edit(10, 10, b"!"))

    assert composed(mail, BODY) == b"A12--34789!"


def test_the_size_of_a_mail_is_that_of_what_leaves() -> None:
    mail = a_mail(Edit(0, 4, b"A"), Edit(10, 10, b"!!"), top=b"X-A: b\r\n")

    assert mail.size == len(composed(mail, BODY))


@pytest.mark.parametrize(
    "edits",
    [
        (Edit(2, 5), Edit(4, 6)),
        (Edit(5, 6), Edit(1, 2)),
        (Edit(5, 4),),
        (Edit(9, 11),),
        (Edit(-1, 2),),
    ],
)
def test_a_mail_with_impossible_edits_is_refused_before_its_first_byte(edits: Sequence[Edit]) -> None:
    mail = a_mail(*edits)

    with pytest.raises(ValueError, match="has no place"):
        pieces(mail)


def test_new_edits_find_their_place_among_the_old_ones() -> None:
    mail = with_edits(a_mail(Edit(2, 3), Edit(8, 9)), [Edit(9, 10), Edit(4, 4, b"x")])

    assert mail.edits == (Edit(2, 3), Edit(4, 4, b"x"), Edit(8, 9), Edit(9, 10))


def test_an_edit_takes_the_place_of_what_it_covers() -> None:
    mail = with_edits(a_mail(Edit(2, 3, b"x"), Edit(4, 4, b"y"), Edit(8, 9)), [Edit(2, 6, b"z")])

    assert mail.edits == (Edit(2, 6, b"z"), Edit(8, 9))


def test_an_insertion_at_the_edge_of_a_new_edit_stays() -> None:
    mail = with_edits(a_mail(Edit(2, 2, b"x"), Edit(6, 6, b"y")), [Edit(2, 6)])

    assert composed(mail, BODY) == b"01xy6789"


def test_insertions_at_one_place_stand_in_the_order_they_were_made() -> None:
    mail = with_edits(a_mail(Edit(2, 2, b"x")), [Edit(2, 2, b"y")])

    assert composed(mail, BODY) == b"01xy23456789"


@pytest.mark.parametrize("new", [Edit(3, 5), Edit(5, 7), Edit(5, 5, b"x")])
def test_an_edit_that_cuts_into_another_is_refused(new: Edit) -> None:
    mail = a_mail(Edit(4, 6))

    with pytest.raises(ValueError, match="has no place"):
        with_edits(mail, [new])


def test_no_new_edits_leave_the_mail_itself() -> None:
    mail = a_mail()

    assert with_edits(mail, []) is mail


@given(
    st.binary(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.binary(max_size=3)))
)
def test_what_leaves_is_what_applying_the_edits_from_behind_gives(
    body: bytes, places: list[tuple[int, int, bytes]]
) -> None:
    position, edits = 0, []
    for skipped, length, replacement in places:
        start, end = position + skipped, position + skipped + length
        if end > len(body):
            break
        edits.append(Edit(start, end, replacement))
        position = end
    expected = bytearray(body)
    for edit in reversed(edits):
        expected[edit.start : edit.end] = edit.replacement

    mail = replace(a_mail(size=len(body)), edits=tuple(edits))

    assert composed(mail, body) == expected
    assert mail.size == len(expected)
