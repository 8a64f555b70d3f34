from __future__ import annotations

import io
import zipfile

import pytest

from gateway.domain.policy import ObjectStatus, Policy
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.examination import examine
from services.scanner.filtering import with_filtered
from services.scanner.judging import Rules
from tests.support.parts import TEST_FILE, a_message, a_text, an_attachment
from tests.support.policies import a_policy

CLEAN, FILTERED, INFECTED = ObjectStatus.CLEAN, ObjectStatus.FILTERED, ObjectStatus.INFECTED


def zipped(*names: str) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, b"hello")
        return file.getvalue()


def statuses(message: bytes, policy: Policy) -> list[ObjectStatus]:
    found = examine(message, (StandardTestFile(),), Rules())
    return [one.status for one in with_filtered(found, policy).objects]


def of_name(name: str, **masks: tuple[str, ...]) -> ObjectStatus:
    """The status of an attachment of that name beside a text."""
    text, attached = statuses(a_message(a_text(), an_attachment(b"hello", name)), a_policy(**masks))
    assert text is CLEAN
    return attached


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("a.exe", FILTERED),
        ("A.EXE", FILTERED),
        ("a.exe.", FILTERED),
        ("a.exe . ", FILTERED),
        ("c:\\temp\\a.exe", FILTERED),
        ("a.exe.txt", CLEAN),
        ("exe", CLEAN),
    ],
)
def test_a_name_that_is_included_is_filtered(name: str, status: ObjectStatus) -> None:
    assert of_name(name, include_by_name=("*.exe", "*.reg")) is status


@pytest.mark.parametrize(("name", "status"), [("setup.exe", FILTERED), ("good.exe", CLEAN), ("a.txt", CLEAN)])
def test_a_name_that_is_excluded_is_not_filtered_after_all(name: str, status: ObjectStatus) -> None:
    assert of_name(name, include_by_name=("*.exe",), exclude_by_name=("good.*",)) is status


@pytest.mark.parametrize(("name", "status"), [("a.doc", CLEAN), ("a.docx", FILTERED), ("a.exe", FILTERED)])
def test_exclude_alone_filters_every_other_attachment(name: str, status: ObjectStatus) -> None:
    assert of_name(name, exclude_by_name=("*.doc",)) is status


def test_a_part_without_a_name_is_not_hit_by_names() -> None:
    nameless = b"Content-Type: application/octet-stream\r\n\r\nhello"

    assert statuses(a_message(nameless), a_policy(include_by_name=("*",))) == [CLEAN]


def test_types_are_tested_apart_from_names() -> None:
    message = a_message(a_text(), an_attachment(b"hello", "a.txt"))

    by_type = a_policy(include_by_mime=("application/*",), exclude_by_name=("*.txt",))

    assert statuses(message, by_type) == [CLEAN, FILTERED]


def test_the_text_of_the_message_is_filtered_only_when_it_is_named() -> None:
    message = a_message(a_text(), an_attachment(b"hello", "a.bin"))

    assert statuses(message, a_policy(exclude_by_mime=("image/*",))) == [CLEAN, FILTERED]
    assert statuses(message, a_policy(include_by_mime=("text/plain",))) == [FILTERED, CLEAN]


def test_the_true_type_counts_whatever_is_declared() -> None:
    message = a_message(an_attachment(zipped("a.txt"), "picture.jpg"))

    assert statuses(message, a_policy(include_by_mime=("application/zip",))) == [FILTERED]
    assert statuses(message, a_policy(exclude_by_mime=("application/octet-stream",))) == [CLEAN]


def test_a_file_in_an_archive_filters_the_attachment_and_is_named() -> None:
    message = a_message(an_attachment(zipped("readme.txt", "bin/setup.exe"), "a.zip"))
    found = examine(message, (), Rules())

    [treated] = with_filtered(found, a_policy(include_by_name=("*.exe",))).objects

    assert treated.status is FILTERED
    assert treated.cause == "bin/setup.exe: the name bin/setup.exe matches *.exe"


def test_everything_but_something_does_not_look_into_archives() -> None:
    message = a_message(an_attachment(zipped("word/document.xml"), "a.docx"))

    assert statuses(message, a_policy(exclude_by_name=("*.docx",))) == [CLEAN]


def test_what_is_filtered_is_nothing_else_besides() -> None:
    message = a_message(an_attachment(TEST_FILE, "eicar.com"))

    assert statuses(message, a_policy()) == [INFECTED]
    assert statuses(message, a_policy(include_by_name=("*.com",))) == [FILTERED]


def test_names_are_compared_as_they_are_decoded() -> None:
    message = a_message(an_attachment(b"hello", "=?utf-8?q?a=2Eexe?="))

    assert statuses(message, a_policy(include_by_name=("*.exe",))) == [FILTERED]
