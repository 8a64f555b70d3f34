"""What is made to cost more than anybody has: it ends at a bound, and the bound is named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from base64 import encodebytes
from collections.abc import Callable
from dataclasses import replace

import pikepdf
import pybit7z
import pytest

from gateway.domain.policy import ObjectStatus
from gateway.runtime.confinement import Bounds
from gateway.runtime.isolation import CouldNotCheck, IsolationPool
from gateway.runtime.sheets import Sheet
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.examination import examine, examine_parts, survey
from services.scanner.judging import Rules
from services.scanner.objects.budget import MB, Budget, Exceeded, Limits
from services.scanner.objects.walking import Opening, outermost, walk
from tests.support import archives, documents
from tests.support.archives import NAME, a_zip, by_7zip, zipped
from tests.support.opening import all_inside, contents, faults
from tests.support.parts import a_message, an_attachment
from tests.support.samples import virus_test_file

SMALL = Limits(depth=4, objects=50, object_size=MB, total_size=3 * MB, ratio=100, free_size=2 * MB)
ZEROS = bytes(2 * MB)


def _pdf_of(content: bytes) -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    stream = document.make_stream(zlib.compress(content))
    stream.Filter = pikepdf.Name.FlateDecode
    stream.Type = pikepdf.Name.EmbeddedFile
    document.Root.Hidden = document.make_indirect(stream)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


LARGE: dict[str, Callable[[bytes], bytes]] = {
    "zip": a_zip,
    "zip, deflate64": lambda content: by_7zip(
        pybit7z.FormatZip, {NAME: content}, method=pybit7z.BitCompressionMethod.Deflate64
    ),
    "7z": lambda content: by_7zip(pybit7z.FormatSevenZip, {NAME: content}),
    "wim": lambda content: by_7zip(pybit7z.FormatWim, {NAME: content}),
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda content: lzma.compress(content, lzma.FORMAT_ALONE),
    "zstd": archives.ARCHIVES["zstd"],
    "tar": archives.a_tar,
    "PDF": _pdf_of,
    "ActiveMime": documents.an_active_mime,
}


@pytest.mark.parametrize("write", LARGE.values(), ids=LARGE.keys())
def test_an_object_that_is_too_large_is_an_error_and_never_made(write: Callable[[bytes], bytes]) -> None:
    found = all_inside(write(ZEROS), SMALL)

    assert all(len(one.content) <= SMALL.object_size for one in found[1:])
    assert [cause for _, _, cause in faults(found)] == ["larger than 1 MB"]


def test_beside_an_object_that_is_too_large_the_others_are_seen() -> None:
    found = all_inside(zipped({"large": ZEROS, "small": b"content"}), SMALL)

    assert contents(found)["small"] == b"content"


def test_what_grows_beyond_the_ratio_is_left_where_it_does() -> None:
    pieces = {f"{number}.bin": bytes(MB // 2) for number in range(20)}
    found = all_inside(zipped(pieces), replace(SMALL, total_size=100 * MB))

    assert [cause for _, _, cause in faults(found)] == ["grows to more than 100 times its size"]
    assert sum(len(one.content) for one in found[1:]) <= SMALL.free_size


def test_what_is_large_in_all_is_left_where_it_is() -> None:
    pieces = {f"{number}.bin": bytes(MB // 2) for number in range(20)}
    found = all_inside(zipped(pieces, method=zipfile.ZIP_STORED), SMALL)

    assert [cause for _, _, cause in faults(found)] == ["more than 3 MB in all"]


def all_inside_within(content: bytes, budget: Budget) -> list[str]:
    return [fault.cause for one in walk(outermost(content), Opening(), budget) for fault in one.faults]


def test_all_parts_of_a_message_share_one_budget() -> None:
    budget = Budget(SMALL)
    archive = zipped({str(number): b"x" for number in range(30)})

    assert all_inside_within(archive, budget) == []
    assert all_inside_within(archive, budget) == ["more than 50 objects"]


def test_many_small_objects_are_left_when_they_are_too_many() -> None:
    found = all_inside(zipped({str(number): b"" for number in range(100)}), SMALL)

    assert len(found) == 1 + SMALL.objects + 1
    assert [cause for _, _, cause in faults(found)] == ["more than 50 objects"]


@pytest.mark.parametrize("write", [a_zip, gzip.compress, archives.a_tar, documents.a_message_with])
def test_what_is_nested_too_deep_is_an_error_where_it_gets_too_deep(write: Callable[[bytes], bytes]) -> None:
    content = virus_test_file()
    for _ in range(10):
        content = write(content)
    found = all_inside(content, SMALL)

    [(path, status, cause)] = faults(found)
    assert (status, cause) == (ObjectStatus.ERROR, "more than 4 containers inside each other")
    assert path.count("/") == 3 or write is documents.a_message_with


def test_an_archive_that_contains_itself_says_so() -> None:
    image = bytearray(archives.an_iso(b"x"))
    record = image.index(b"FILE.BIN;1") - 33
    image[record + 2 : record + 10] = struct.pack("<L", 0) + struct.pack(">L", 0)
    image[record + 10 : record + 18] = struct.pack("<L", len(image)) + struct.pack(">L", len(image))

    found = all_inside(bytes(image))

    assert [cause for _, _, cause in faults(found)] == ["contains itself"]


def test_entries_that_overlap_are_an_error_and_stay_within_the_budget() -> None:
    archive = a_zip(bytes(MB // 2))
    directory = archive.index(b"PK\x01\x02")
    end = archive.index(b"PK\x05\x06")
    entries = archive[directory:end] * 1000
    record = bytearray(archive[end:])
    struct.pack_into("<HHL", record, 8, 1000, 1000, len(entries))
    found = all_inside(archive[:directory] + entries + bytes(record), SMALL)

    assert sum(len(one.content) for one in found[1:]) <= SMALL.total_size
    assert [cause for _, _, cause in faults(found)] == ["more than 3 MB in all"]


def test_two_entries_on_the_same_bytes_are_an_error() -> None:
    archive = a_zip(b"content")
    directory, end = archive.index(b"PK\x01\x02"), archive.index(b"PK\x05\x06")
    record = bytearray(archive[end:])
    struct.pack_into("<HHL", record, 8, 2, 2, 2 * (end - directory))
    found = all_inside(archive[:directory] + archive[directory:end] * 2 + bytes(record))

    assert [cause for _, _, cause in faults(found)] == ["entries overlap"]


def test_an_entry_that_lies_about_its_size_is_an_error() -> None:
    archive = bytearray(a_zip(bytes(1000)))
    directory = archive.index(b"PK\x01\x02")
    struct.pack_into("<L", archive, directory + 24, 10)
    struct.pack_into("<L", archive, 22, 10)
    found = all_inside(bytes(archive))

    assert [cause for _, _, cause in faults(found)] == ["1000 bytes came out of 10"]


def test_time_that_is_up_ends_the_work_and_is_told() -> None:
    ticks = iter(range(1000))
    budget = Budget(replace(SMALL, seconds=5), clock=lambda: next(ticks))

    causes = all_inside_within(zipped({str(number): b"x" for number in range(40)}), budget)

    assert causes == ["not done after 5 s"]


def test_runs_of_binhex_are_not_written_out_beyond_the_room() -> None:
    run = b"\x01" + b"\x90\xff" * 20_000
    base64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    binhex = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    coded = encodebytes(run).translate(bytes.maketrans(base64, binhex), b"\n")
    found = all_inside(b"(This file must be converted with BinHex 4.0)\n\n:" + coded + b":", SMALL)

    assert [cause for _, _, cause in faults(found)] == ["larger than 1 MB"]


def test_a_bomb_beside_a_threat_does_not_hide_it() -> None:
    archive = zipped({"bad.com": virus_test_file(), "bomb.gz": gzip.compress(ZEROS)})
    rules = Rules(limits=SMALL)
    (found,) = examine(a_message(an_attachment(archive)), (StandardTestFile(),), rules).objects

    assert found.status is ObjectStatus.INFECTED
    assert [one.cause for one in found.inside if one.status is ObjectStatus.ERROR] == ["larger than 1 MB"]


async def test_bombs_stay_within_the_memory_of_a_confined_process() -> None:
    zeros = bytes(65 * MB)
    bombs = [bz2.compress(zeros), lzma.compress(zeros), gzip.compress(zeros)]
    message = a_message(*map(an_attachment, bombs))
    parts = [(part, ()) for part in survey(message, lambda _: (), Rules()).left]
    pool = IsolationPool(processes=1, bounds=Bounds(memory=400 * MB))
    try:
        with Sheet.of(message) as sheet:
            answer = await pool.run(examine_parts, sheet, parts, Rules(), frozenset(), None, timeout=60)
    finally:
        await pool.close()

    assert not isinstance(answer, CouldNotCheck)
    assert [found.status for found, _ in answer] == [ObjectStatus.ERROR] * 3


def test_a_budget_that_is_used_up_stays_so() -> None:
    budget = Budget(SMALL)
    budget.begin(1)

    with pytest.raises(Exceeded):
        budget.spend(3 * MB)
    with pytest.raises(Exceeded):
        budget.spend(0)
