"""Mail formats, encoded text and documents, with every variant of the test file inside them."""

from __future__ import annotations

import io
import struct

import pikepdf
import pytest

from gateway.domain.policy import ObjectStatus
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.examination import examine
from services.scanner.judging import Rules
from services.scanner.objects.walking import Opening
from tests.support import documents
from tests.support.archives import ARCHIVES, a_zip, zipped
from tests.support.documents import HOLDERS, NAME, Writer, tnef_attribute, tnef_properties
from tests.support.opening import all_inside, contents, faults
from tests.support.parts import a_message, an_attachment
from tests.support.samples import virus_test_file

STATUS = {
    "": ObjectStatus.INFECTED,
    "CORR-": ObjectStatus.ERROR,
    "SUSP-": ObjectStatus.SUSPICIOUS,
    "WARN-": ObjectStatus.SUSPICIOUS,
    "ERRO-": ObjectStatus.ERROR,
    "CURE-": ObjectStatus.INFECTED,
    "DELE-": ObjectStatus.INFECTED,
}

each_holder = pytest.mark.parametrize("write", HOLDERS.values(), ids=HOLDERS.keys())


def _status(content: bytes, rules: Rules | None = None) -> ObjectStatus:
    (found,) = examine(a_message(an_attachment(content)), (StandardTestFile(),), rules or Rules()).objects
    return found.status


@each_holder
def test_every_variant_of_the_test_file_is_found_in_everything_that_holds_files(write: Writer) -> None:
    assert {prefix: _status(write(virus_test_file(prefix))) for prefix in STATUS} == STATUS


@each_holder
def test_every_variant_is_found_in_what_lies_in_an_archive(write: Writer) -> None:
    assert {prefix: _status(a_zip(write(virus_test_file(prefix)))) for prefix in STATUS} == STATUS


@each_holder
def test_every_variant_is_found_in_an_archive_in_everything_that_holds_files(write: Writer) -> None:
    for pack in (a_zip, ARCHIVES["7z"], ARCHIVES["tar.gz"], ARCHIVES["rar"]):
        assert {prefix: _status(write(pack(virus_test_file(prefix)))) for prefix in STATUS} == STATUS


@each_holder
def test_a_file_comes_out_as_it_went_in_and_nothing_is_wrong(write: Writer) -> None:
    content = bytes(range(256)) * 20
    found = all_inside(write(content))

    assert content in contents(found).values()
    assert faults(found) == []


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (documents.enveloped(b"secret"), "encrypted"),
        (documents.a_pdf(b"secret", user="user", owner="owner"), "encrypted"),
        (documents.an_ole({"EncryptionInfo": b"x", "EncryptedPackage": b"x"}), "encrypted"),
        (documents.an_ole({"WordDocument": bytes(11) + b"\x01" + bytes(20)}), "encrypted"),
        (documents.an_ole({"Workbook": struct.pack("<HHLHH", 0x809, 4, 0, 0x2F, 2) + b"xx"}), "encrypted"),
        (b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----\r\n", "encrypted"),
    ],
    ids=["S/MIME", "PDF", "OOXML", "DOC", "XLS", "OpenPGP"],
)
def test_what_only_a_key_or_a_password_opens_is_protected(content: bytes, cause: str) -> None:
    assert [(status, why) for _, status, why in faults(all_inside(content))] == [
        (ObjectStatus.PROTECTED, cause)
    ]
    assert _status(content) is ObjectStatus.PROTECTED


# Mail inside mail.


def test_mailboxes_and_messages_are_opened_only_if_that_is_wanted() -> None:
    rules = Rules(opening=Opening(messages=False))

    assert _status(documents.a_mailbox(virus_test_file()), rules) is ObjectStatus.CLEAN
    assert _status(documents.a_message_with(virus_test_file()), rules) is ObjectStatus.CLEAN


@pytest.mark.parametrize("kind", ["uuencoded", "yEnc", "BinHex", "TNEF", "signed"])
def test_ways_of_attaching_a_file_are_followed_whatever_is_switched_off(kind: str) -> None:
    rules = Rules(opening=Opening(archives=False, messages=False))

    assert _status(HOLDERS[kind](virus_test_file()), rules) is ObjectStatus.INFECTED


def test_every_message_of_a_mailbox_is_seen() -> None:
    found = contents(all_inside(documents.a_mailbox(b"content")))

    assert found["1"].startswith(b"Subject: one")
    assert found[f"2/{NAME}"] == b"content"


def test_text_that_only_talks_about_uuencode_is_clean() -> None:
    text = b"Old mail programs wrote\nbegin 644 file.txt\nand then the lines.\n"

    assert _status(text) in (ObjectStatus.CLEAN, ObjectStatus.ERROR)
    assert _status(b"begin with the beginning\nbegin 644\n") is ObjectStatus.CLEAN


def test_every_file_in_a_text_is_found() -> None:
    text = documents.uuencoded(b"first", "1.bin") + documents.uuencoded(b"second", "2.bin")

    assert {"1.bin": b"first", "2.bin": b"second"}.items() <= contents(all_inside(text)).items()


def test_an_uuencoded_file_without_an_end_is_an_error_and_its_content_is_seen() -> None:
    found = all_inside(documents.uuencoded(b"x" * 100).partition(b"`\n")[0])

    assert contents(found)[NAME] == b"x" * 100
    assert faults(found) == [(NAME, ObjectStatus.ERROR, "it has no end")]


def test_one_of_several_parts_of_a_yenc_file_is_an_error() -> None:
    text = documents.yencoded(b"content").replace(b"=ybegin ", b"=ybegin part=1 total=2 ")

    assert [cause for _, _, cause in faults(all_inside(text))] == ["one of several parts"]


def test_a_fragment_of_a_message_is_an_error() -> None:
    fragment = b"Content-Type: message/partial; id=x; number=1; total=2\r\n\r\n" + virus_test_file()[:30]
    (found,) = examine(a_message(fragment), (StandardTestFile(),), Rules()).objects

    assert (found.status, found.cause) == (ObjectStatus.ERROR, "a fragment of a message")


def test_runs_in_binhex_are_written_out() -> None:
    content = b"x" * 50
    packed = documents.binhexed(content)

    assert contents(all_inside(packed))[NAME] == content


# TNEF.


def _tnef(*attributes: bytes) -> bytes:
    return b"\x78\x9f\x3e\x22\x01\0" + b"".join(attributes)


def test_an_attachment_of_tnef_has_its_long_name_whatever_the_charset_of_the_short_one() -> None:
    long_name = tnef_properties((0x3707, 0x001F, "отчёт за март.doc".encode("utf-16-le") + b"\0\0"))
    content = _tnef(
        tnef_attribute(2, 0x00069002, bytes(14)),
        tnef_attribute(2, 0x00018010, "ОТЧЁТЗ~1.DOC".encode("cp1251") + b"\0"),
        tnef_attribute(2, 0x0006800F, b"content"),
        tnef_attribute(2, 0x00069005, long_name),
    )

    assert contents(all_inside(content))["отчёт за март.doc"] == b"content"


def test_a_message_attached_to_tnef_is_opened() -> None:
    inner = documents.a_tnef(b"innermost")
    attached = tnef_properties((0x3701, 0x000D, bytes(16) + inner))
    content = _tnef(tnef_attribute(2, 0x00069002, bytes(14)), tnef_attribute(2, 0x00069005, attached))

    assert b"innermost" in contents(all_inside(content)).values()


def test_the_texts_of_tnef_are_looked_at() -> None:
    html = tnef_properties((0x1013, 0x0102, b"<html>hello</html>"))
    content = _tnef(tnef_attribute(1, 0x00069003, html), tnef_attribute(1, 0x0002800C, b"hello"))

    assert (
        contents(all_inside(content)).items()
        >= {"body.html": b"<html>hello</html>", "body.txt": b"hello"}.items()
    )


def test_broken_properties_do_not_hide_the_attachments_behind_them() -> None:
    broken = struct.pack("<LHHLL", 1, 0x0102, 0x3701, 1, 0xFFFFFFFF)[:-2]
    content = _tnef(
        tnef_attribute(2, 0x00069002, bytes(14)),
        tnef_attribute(2, 0x00069005, broken),
        tnef_attribute(2, 0x0006800F, b"content"),
    )
    found = all_inside(content)

    assert b"content" in contents(found).values()
    assert [cause for _, _, cause in faults(found)] == ["its properties cannot be read"]


# Documents.


def test_the_source_of_macros_is_an_object() -> None:
    source = b'Attribute VB_Name = "ThisDocument"\r\nSub AutoOpen()\r\nEnd Sub\r\n'
    document = documents.an_ole(
        {"WordDocument": bytes(32), "ThisDocument": b"\x01\x02" + _compressed(source)}
    )

    assert contents(all_inside(document))["ThisDocument.bas"] == source


def _compressed(source: bytes) -> bytes:
    """The container of [MS-OVBA] §2.4.1 with literal tokens, and one copy token."""
    tokens = b"".join(b"\0" + source[at : at + 8] for at in range(0, len(source), 8))
    return b"\x01" + struct.pack("<H", 0xB000 | (len(tokens) - 1)) + tokens


def test_macros_in_an_office_document_are_reached_through_both_containers() -> None:
    source = b'Attribute VB_Name = "Module1"\r\n'
    project = documents.an_ole({"Module1": _compressed(source)})
    document = zipped({"word/document.xml": b"<x/>", "word/vbaProject.bin": project})

    assert contents(all_inside(document))["word/vbaProject.bin/Module1.bas"] == source


def test_scripts_of_a_pdf_are_objects() -> None:
    document = pikepdf.new()
    document.add_blank_page()
    document.Root.OpenAction = pikepdf.Dictionary(
        S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)")
    )
    written = io.BytesIO()
    document.save(written)

    assert contents(all_inside(written.getvalue()))["script.js"] == b"app.alert(1)"


def test_a_file_in_a_pdf_has_its_name() -> None:
    assert contents(all_inside(documents.a_pdf(b"content")))[NAME] == b"content"


@pytest.mark.parametrize("kind", ["OLE", "PDF", "RTF", "signed", "ActiveMime"])
def test_what_is_broken_is_never_clean(kind: str) -> None:
    whole = HOLDERS[kind](b"content of the file" * 20)
    start = whole[:20] if kind not in ("PDF", "RTF") else whole[:60] + b"{\\*\\objdata }"

    assert _status(start) is ObjectStatus.ERROR
