"""Archives of every kind, plain and inside each other, with every variant of the test file."""

from __future__ import annotations

import io
import struct
import zipfile

import pybit7z
import pytest

from gateway.domain.policy import ObjectStatus
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.examination import examine
from services.scanner.judging import Rules
from services.scanner.objects.walking import Opening
from tests.support import archives
from tests.support.archives import ARCHIVES, NAME, Writer, a_zip, by_7zip, zipped
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
SMALL = {"fat image", "disk image", "vhd"}
"""The writers of these make room for half a KB."""

each_kind = pytest.mark.parametrize("write", ARCHIVES.values(), ids=ARCHIVES.keys())


def _status(archive: bytes) -> ObjectStatus:
    message = a_message(an_attachment(archive, "archive.bin"))
    (found,) = examine(message, (StandardTestFile(),), Rules()).objects
    return found.status


@each_kind
def test_every_variant_of_the_test_file_is_found_in_every_kind_of_archive(write: Writer) -> None:
    found = {prefix: _status(write(virus_test_file(prefix))) for prefix in STATUS}

    assert found == STATUS


@each_kind
def test_every_variant_is_found_in_an_archive_inside_another(write: Writer) -> None:
    found = {prefix: _status(a_zip(write(virus_test_file(prefix)))) for prefix in STATUS}

    assert found == STATUS


@pytest.mark.parametrize("kind", [kind for kind in ARCHIVES if kind not in SMALL])
def test_every_kind_of_archive_can_hold_another(kind: str) -> None:
    found = {prefix: _status(ARCHIVES[kind](a_zip(virus_test_file(prefix)))) for prefix in STATUS}

    assert found == STATUS


@each_kind
def test_an_archive_of_something_harmless_is_clean(write: Writer) -> None:
    assert _status(write(b"nothing to see here")) is ObjectStatus.CLEAN


@each_kind
def test_a_member_comes_out_as_it_went_in(write: Writer) -> None:
    content = bytes(range(256)) * 2

    assert content in contents(all_inside(write(content))).values()


@each_kind
def test_archives_are_opened_only_if_that_is_wanted(write: Writer) -> None:
    message = a_message(an_attachment(write(virus_test_file()), "archive.bin"))
    rules = Rules(opening=Opening(archives=False))
    (found,) = examine(message, (StandardTestFile(),), rules).objects

    assert (found.status, found.inside) == (ObjectStatus.CLEAN, ())


@pytest.mark.parametrize("kind", [kind for kind in ARCHIVES if kind != "compress"])  # it has no end mark
def test_a_truncated_archive_is_never_clean_unless_all_of_it_was_seen(kind: str) -> None:
    # The half is long enough for every kind to be known by its first bytes.
    archive = ARCHIVES[kind](virus_test_file() * 4)
    found = all_inside(archive[: len(archive) // 2])

    assert len(found) == 1 or faults(found) or virus_test_file() * 4 in contents(found).values()


def test_paths_lead_through_all_archives() -> None:
    inner = zipped({"folder/a.exe": b"a", "b.exe": b"b"})
    found = all_inside(zipped({"notes.txt": b"n", "inner.zip": inner}))

    assert [(one.path, one.place) for one in found] == [
        ("", ()),
        ("notes.txt", (1,)),
        ("inner.zip", (2,)),
        ("inner.zip/folder/a.exe", (2, 1)),
        ("inner.zip/b.exe", (2, 2)),
    ]


FILES = {f"{number}.bin": bytes([number]) * 1000 for number in range(50)}
SOLID = by_7zip(pybit7z.FormatSevenZip, FILES, solid=True)


def test_all_files_of_a_solid_archive_come_out() -> None:
    found = all_inside(SOLID)

    assert contents(found) == {"": SOLID} | FILES
    assert faults(found) == []


def test_files_of_a_solid_archive_come_out_one_by_one_where_there_is_no_room_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.scanner.objects.sevenzip.MOST_AT_ONCE", 1000)

    assert contents(all_inside(SOLID)) == {"": SOLID} | FILES


def test_a_solid_archive_that_is_unpacked_again_for_each_file_ends_at_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.scanner.objects.sevenzip.MOST_AT_ONCE", 1000)
    monkeypatch.setattr("services.scanner.objects.sevenzip.MOST_WORK", 1 << 18)
    found = all_inside(SOLID)

    assert len(contents(found)) < 1 + len(FILES)
    assert faults(found)[-1] == ("", ObjectStatus.ERROR, "more than 0 MB to unpack, file by file")


def test_a_damaged_member_of_an_archive_leaves_the_others_alone() -> None:
    archive = archives.a_rar(b"content")
    twice = (
        archive[:-7]
        + archive[20:-7].replace(b"content", b"CONTENT").replace(NAME.encode(), b"fine.bin")
        + archive[-7:]
    )
    found = all_inside(twice)

    assert contents(found)[NAME] == b"content"


def test_names_that_could_break_a_line_or_a_record_are_made_readable() -> None:
    found = all_inside(zipped({"a\r\nX-Evil: 1": b"1", "x" * 1000: b"2"}))

    assert [one.path for one in found[1:]] == ["a��X-Evil: 1", "x" * 255]


PROTECTED = {
    "zip": by_7zip(pybit7z.FormatZip, {NAME: b"secret"}, password="key"),
    "7z": by_7zip(pybit7z.FormatSevenZip, {NAME: b"secret"}, password="key"),
    "rar": archives.a_rar(b"secret", encrypted=True),
    "rar5": archives.a_rar5(b"secret", encrypted=True),
    "arj": archives.an_encrypted_arj(b"secret"),
}


@pytest.mark.parametrize("archive", PROTECTED.values(), ids=PROTECTED.keys())
def test_encrypted_members_are_protected_and_named(archive: bytes) -> None:
    assert faults(all_inside(archive)) == [(NAME, ObjectStatus.PROTECTED, "encrypted")]
    assert _status(a_zip(archive)) is ObjectStatus.PROTECTED


def test_an_archive_whose_names_are_encrypted_too_is_protected() -> None:
    archive = by_7zip(pybit7z.FormatSevenZip, {NAME: b"secret"}, password="key", names_too=True)

    assert faults(all_inside(archive)) == [("", ObjectStatus.PROTECTED, "encrypted")]


def test_a_threat_beside_an_encrypted_member_is_what_counts() -> None:
    plain = by_7zip(pybit7z.FormatZip, {"secret": b"secret"}, password="key")
    outer = zipped({"locked.zip": plain, "open.com": virus_test_file()})
    (found,) = examine(a_message(an_attachment(outer)), (StandardTestFile(),), Rules()).objects

    assert found.status is ObjectStatus.INFECTED
    assert {one.status for one in found.inside} == {
        ObjectStatus.CLEAN,
        ObjectStatus.INFECTED,
        ObjectStatus.PROTECTED,
    }


def test_one_of_several_volumes_is_an_error_and_what_is_in_it_is_seen() -> None:
    found = all_inside(archives.a_rar(b"content", volume=True))

    assert faults(found) == [("", ObjectStatus.ERROR, "one of several volumes")]
    assert contents(found)[NAME] == b"content"


@pytest.mark.parametrize(
    "archive",
    [
        bytes(7) + b"**ACE**" + bytes(30),
        bytes(20) + b"\xdc\xa7\xc4\xfd" + bytes(30),
        b"ALZ\x01" + bytes(30),
        b"\x04\x22\x4d\x18" + bytes(30),
    ],
)
def test_an_archive_that_nothing_here_can_open_is_an_error(archive: bytes) -> None:
    [(_, status, cause)] = faults(all_inside(archive))

    assert status is ObjectStatus.ERROR
    assert cause.startswith("no way to open ")


def test_a_picture_with_an_archive_behind_it_is_opened() -> None:
    found = all_inside(b"\xff\xd8\xff\xe0" + bytes(500) + a_zip(b"hidden"))

    assert contents(found)[NAME] == b"hidden"


def test_a_member_that_stands_in_its_archive_as_it_is_comes_out_once() -> None:
    for kind in ("tar", "rar", "rar5", "cab", "iso", "cpio"):
        found = all_inside(ARCHIVES[kind](a_zip(b"content")))

        assert [one.content for one in found].count(b"content") == 1, kind
        assert faults(found) == []


def test_an_archive_behind_another_of_another_kind_is_opened() -> None:
    found = all_inside(ARCHIVES["tar"](b"shown") + a_zip(b"hidden", "hidden.exe"))

    assert contents(found)["hidden.exe"] == b"hidden"


def test_a_program_that_knows_archives_is_no_damaged_one() -> None:
    program = (
        b"MZ" + bytes(100) + b"Rar!\x1a\x07\0" + bytes(100) + b"7z\xbc\xaf\x27\x1cPK\x03\x04" + bytes(200)
    )

    assert faults(all_inside(program)) == []


def test_a_mark_in_the_program_does_not_hide_the_archive_behind_it() -> None:
    program = b"MZ" + bytes(100) + b"Rar!\x1a\x07\0" + bytes(100)

    assert contents(all_inside(program + archives.a_rar(b"hidden")))[NAME] == b"hidden"


# What readers of the directory and readers of the headers see differently.


def _two_headers(name: bytes, content: bytes) -> tuple[bytearray, int]:
    archive = bytearray(a_zip(content, name.decode(), method=zipfile.ZIP_STORED))
    return archive, archive.index(b"PK\x01\x02")


def test_an_entry_with_two_names_has_both() -> None:
    archive, _ = _two_headers(b"a.txt", b"content")
    archive[30:35] = b"a.exe"

    (member,) = all_inside(bytes(archive))[1:]

    assert member.names == ("a.txt", "a.exe")


def test_an_entry_with_two_methods_is_read_both_ways() -> None:
    deflated = a_zip(b"the hidden content")
    archive = bytearray(deflated)
    directory = archive.index(b"PK\x01\x02")
    struct.pack_into("<H", archive, directory + 10, 0)

    assert b"the hidden content" in contents(all_inside(bytes(archive))).values()


def test_an_entry_that_the_directory_does_not_name_is_found() -> None:
    shown, hidden = a_zip(b"shown", "shown.txt"), a_zip(b"hidden", "hidden.exe")
    local = hidden[: hidden.index(b"PK\x01\x02")]
    archive = local + shown  # whoever goes from header to header meets it first

    assert contents(all_inside(archive)) == {"": archive, "shown.txt": b"shown", "hidden.exe": b"hidden"}


def test_of_two_archives_behind_each_other_both_are_opened() -> None:
    archive = a_zip(b"first", "first.exe") + a_zip(b"second", "second.exe")

    assert {b"first", b"second"} <= set(contents(all_inside(archive)).values())


def test_an_archive_without_a_directory_is_read_and_is_an_error() -> None:
    archive = a_zip(b"content")
    found = all_inside(archive[: archive.index(b"PK\x01\x02")])

    assert contents(found)[NAME] == b"content"
    assert faults(found) == [("", ObjectStatus.ERROR, "it has no directory")]


def test_a_wrong_checksum_is_an_error_and_the_content_is_seen() -> None:
    archive, directory = _two_headers(b"a.txt", b"content")
    archive[directory + 16] ^= 1
    archive[14] ^= 1

    found = all_inside(bytes(archive))

    assert contents(found)["a.txt"] == b"content"
    assert faults(found) == [("a.txt", ObjectStatus.ERROR, "its checksum is wrong")]


def test_a_name_that_is_not_unicode_is_read_all_the_same() -> None:
    archive, directory = _two_headers(b"xxxx.exe", b"content")
    for at in (30, directory + 46):
        archive[at : at + 4] = "йцук".encode("cp866")

    (member,) = all_inside(bytes(archive))[1:]

    assert member.names[0].endswith(".exe")


def test_office_documents_are_known_by_what_they_hold() -> None:
    document = zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<x/>"})
    with_macros = zipped({"xl/workbook.xml": b"<x/>", "xl/vbaProject.bin": b"x"})

    assert all_inside(document)[0].kind.endswith("wordprocessingml.document")
    assert all_inside(with_macros)[0].kind == "application/vnd.ms-excel.sheet.macroenabled.12"


def test_a_sparse_tar_entry_is_an_error() -> None:
    archive = bytearray(archives.a_tar(b"content"))
    archive[156:157] = b"S"
    header = bytes(archive[:148]) + b" " * 8 + bytes(archive[156:512])
    archive[148:156] = b"%06o\0 " % sum(header)

    assert [cause for _, _, cause in faults(all_inside(bytes(archive)))] == ["a sparse file"]


def test_several_streams_behind_each_other_are_one_content() -> None:
    found = all_inside(ARCHIVES["gz"](b"one ") + ARCHIVES["gz"](b"two"))

    assert found[1].content == b"one two"


def test_an_empty_zip_is_clean() -> None:
    written = io.BytesIO()
    zipfile.ZipFile(written, "w").close()

    assert faults(all_inside(written.getvalue())) == []
