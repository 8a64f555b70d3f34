from __future__ import annotations

import pytest

from gateway.domain.journey import ScannedObject
from gateway.domain.policy import ObjectAction, ObjectStatus
from gateway.domain.statistics import Counter
from services.scanner.coverage import unseen


def an_object(status: ObjectStatus, cause: str = "") -> ScannedObject:
    return ScannedObject("1", "a.zip", "application/zip", 10, status, ObjectAction.PASS, cause=cause)


@pytest.mark.parametrize(
    ("cause", "counter"),
    [
        ("more than 10000 objects", Counter.UNSCANNED_LIMIT),
        ("inner.zip/a: b.exe: larger than 64 MB", Counter.UNSCANNED_LIMIT),
        ("grows to more than 250 times its size", Counter.UNSCANNED_LIMIT),
        ("clamd: larger than its StreamMaxLength", Counter.UNSCANNED_LIMIT),
        ("clamd: Heuristics.Limits.Exceeded.MaxFileSize", Counter.UNSCANNED_LIMIT),
        ("not done after 144 s", Counter.UNSCANNED_TIME),
        ("clamd: timed out", Counter.UNSCANNED_TIME),
        ("scan timed out", Counter.UNSCANNED_TIME),
        ("scan ran out of memory", Counter.UNSCANNED_CRASH),
        ("contains itself", Counter.UNSCANNED_STRUCTURE),
        ("no way to open ACE archives", Counter.UNSCANNED_UNSUPPORTED),
        ("a.part1.rar: one of several volumes", Counter.UNSCANNED_INCOMPLETE),
        ("its checksum is wrong", Counter.UNSCANNED_OTHER),
        ("", Counter.UNSCANNED_OTHER),
    ],
)
def test_what_could_not_be_looked_at_is_told_by_its_cause(cause: str, counter: Counter) -> None:
    assert list(unseen([an_object(ObjectStatus.ERROR, cause)])) == [counter]


def test_what_needs_a_password_is_encrypted_whatever_is_said_of_it() -> None:
    found = an_object(ObjectStatus.PROTECTED, "clamd: Heuristics.Encrypted.Zip")

    assert list(unseen([found])) == [Counter.UNSCANNED_ENCRYPTED]


SEEN = [status for status in ObjectStatus if status not in (ObjectStatus.ERROR, ObjectStatus.PROTECTED)]


@pytest.mark.parametrize("status", SEEN)
def test_all_others_were_looked_at(status: ObjectStatus) -> None:
    assert list(unseen([an_object(status)])) == []
