from __future__ import annotations

from base64 import encodebytes
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.mime import TOO_DEEP, TOO_MANY
from gateway.domain.policy import ObjectStatus
from services.scanner.engines.port import CLEAN, Bases, Deletion, EngineResult, together
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.examination import examine, not_examined
from services.scanner.judging import Rules
from services.scanner.objects.walking import Opening
from tests.support.engines import BrokenEngine, ScriptedEngine
from tests.support.parts import TEST_FILE, a_message, a_text, an_attachment

TESTFILE = (StandardTestFile(),)
INFECTED = EngineResult(ObjectStatus.INFECTED, ("Worm",))


def test_every_part_with_content_is_an_object() -> None:
    message = a_message(a_text(), a_message(a_text(b"inner"), an_attachment(TEST_FILE)))

    found = examine(message, TESTFILE, Rules())

    assert [(one.part.path, one.size, one.status) for one in found.objects] == [
        ("1", 6, ObjectStatus.CLEAN),
        ("2.1", 5, ObjectStatus.CLEAN),
        ("2.2", 68, ObjectStatus.INFECTED),
    ]


def test_a_message_that_is_one_part_is_one_object() -> None:
    (found,) = examine(b"Subject: x\r\n\r\n" + TEST_FILE + b"\r\n", TESTFILE, Rules()).objects

    assert (found.part.path, found.status, found.threats) == (
        "1",
        ObjectStatus.INFECTED,
        ("EICAR-Test-File",),
    )


def test_a_disinfected_object_has_its_cured_content() -> None:
    message = a_message(an_attachment(b"CURE-" + TEST_FILE))

    (uncured,) = examine(message, TESTFILE, Rules(cure=False)).objects
    (cured,) = examine(message, TESTFILE, Rules(cure=True)).objects

    assert (uncured.status, uncured.cured) == (ObjectStatus.INFECTED, None)
    assert (cured.status, cured.cured) == (ObjectStatus.DISINFECTED, b"CURE")
    assert cured.threats == ("EICAR-Test-File",)


@pytest.mark.parametrize(
    ("cure", "prefix", "deletion"),
    [
        (False, b"", Deletion.BY_POLICY),
        (True, b"", Deletion.UNLESS_CURED),
        (False, b"DELE-", Deletion.ALWAYS),
        (True, b"DELE-", Deletion.ALWAYS),
        (True, b"SUSP-", Deletion.BY_POLICY),
    ],
)
def test_an_object_must_go_when_its_cure_failed_or_the_engine_insists(
    cure: bool, prefix: bytes, deletion: Deletion
) -> None:
    (found,) = examine(a_message(an_attachment(prefix + TEST_FILE)), TESTFILE, Rules(cure=cure)).objects

    assert found.deletion is deletion


@pytest.mark.parametrize(
    ("first", "second", "worse"),
    [
        (CLEAN, INFECTED, ObjectStatus.INFECTED),
        (EngineResult(ObjectStatus.ERROR, cause="damaged"), CLEAN, ObjectStatus.ERROR),
        (EngineResult(ObjectStatus.ERROR, cause="damaged"), INFECTED, ObjectStatus.INFECTED),
        (
            EngineResult(ObjectStatus.SUSPICIOUS),
            EngineResult(ObjectStatus.PROTECTED),
            ObjectStatus.SUSPICIOUS,
        ),
    ],
)
def test_of_several_engines_the_worst_result_counts(
    first: EngineResult, second: EngineResult, worse: ObjectStatus
) -> None:
    engines = [ScriptedEngine({b"Hello.": result}) for result in (first, second)]

    (found,) = examine(a_message(a_text()), engines, Rules()).objects

    assert found.status is worse


def test_an_engine_that_fails_makes_an_error_with_its_cause_and_never_clean() -> None:
    (found,) = examine(a_message(a_text()), [ScriptedEngine(), BrokenEngine()], Rules()).objects

    assert (found.status, found.cause) == (ObjectStatus.ERROR, "scripted: OSError: no such engine")


def test_a_cure_is_believed_only_if_all_who_found_something_know_one() -> None:
    curing = ScriptedEngine({b"Hello.": EngineResult(ObjectStatus.INFECTED, cured=b"Hi.")})

    (alone,) = examine(a_message(a_text()), [curing, ScriptedEngine()], Rules(cure=True)).objects
    (doubted,) = examine(
        a_message(a_text()), [curing, ScriptedEngine({b"Hello.": INFECTED})], Rules(cure=True)
    ).objects
    (not_clean,) = examine(
        a_message(a_text()), [curing, ScriptedEngine({b"Hi.": INFECTED})], Rules(cure=True)
    ).objects

    assert [one.status for one in (alone, doubted, not_clean)] == [
        ObjectStatus.DISINFECTED,
        ObjectStatus.INFECTED,
        ObjectStatus.INFECTED,
    ]


def test_attached_messages_are_looked_into_unless_that_is_switched_off() -> None:
    inner = a_message(a_text(), an_attachment(TEST_FILE))
    message = a_message(b"Content-Type: message/rfc822\r\n\r\n" + inner)

    opened = examine(message, TESTFILE, Rules()).objects
    closed = examine(message, TESTFILE, Rules(opening=Opening(messages=False))).objects

    assert [(one.part.path, one.status) for one in opened] == [
        ("1.1.1", ObjectStatus.CLEAN),
        ("1.1.2", ObjectStatus.INFECTED),
    ]
    assert [(one.part.path, one.status) for one in closed] == [("1", ObjectStatus.CLEAN)]


def test_an_attached_message_that_is_encoded_as_a_whole_is_looked_into_and_stays_one_object() -> None:
    inner = encodebytes(a_message(an_attachment(b"CURE-" + TEST_FILE)))
    twice = encodebytes(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inner)
    message = a_message(
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + twice.strip()
    )

    (found,) = examine(message, TESTFILE, Rules(cure=True)).objects

    assert (found.part.path, found.status, found.cured) == ("1", ObjectStatus.INFECTED, None)


def test_encoded_messages_inside_each_other_without_end_are_an_error() -> None:
    message = b"innermost"
    for _ in range(20):
        message = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encodebytes(
            message
        )

    (found,) = examine(message, TESTFILE, Rules()).objects

    assert found.status is ObjectStatus.ERROR
    assert found.cause.endswith("more than 16 containers inside each other")


def test_what_is_beyond_the_limits_of_structure_is_an_error_with_the_cause() -> None:
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
        for level in range(60)
    )
    many = a_message(*(a_text() for _ in range(5001)))

    assert [one.cause for one in examine(deep, TESTFILE, Rules()).objects] == [TOO_DEEP]
    assert [one.cause for one in examine(many, TESTFILE, Rules()).objects] == [TOO_MANY]
    assert {one.status for one in examine(many, TESTFILE, Rules()).objects} == {ObjectStatus.ERROR}


def test_a_message_that_nobody_could_look_at_is_one_error() -> None:
    message = a_message(a_text(), a_text())

    found = not_examined(message, "scan timed out")

    assert [(one.part.path, one.status, one.cause) for one in found.objects] == [
        ("1", ObjectStatus.ERROR, "scan timed out")
    ]
    assert found.editions == ()


@given(st.binary(max_size=200))
def test_nothing_makes_the_examination_fail(content: bytes) -> None:
    message = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + content

    statuses = {one.status for one in examine(message, TESTFILE, Rules()).objects}

    assert statuses <= {ObjectStatus.CLEAN, ObjectStatus.PROTECTED, ObjectStatus.ERROR}


def test_bases_together_are_as_new_as_the_newest_and_know_what_all_know() -> None:
    bases = together([Bases(date(2026, 1, 31), 7), Bases(date(2025, 12, 1), 100)])

    assert str(bases) == "20260131 #107"
