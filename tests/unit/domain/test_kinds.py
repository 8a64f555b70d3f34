from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.filetypes import true_type
from gateway.domain.kinds import Kind, kinds_of
from services.scanner.objects.containers import CONTAINERS, NO_OPENER
from tests.support import archives, documents
from tests.support.archives import ARCHIVES

PLAIN = {
    b"MZ\x90\0": "application/vnd.microsoft.portable-executable",
    b"\x7fELF\2": "application/x-executable",
    b"L\0\0\0\x01\x14\x02\0\0": "application/x-ms-shortcut",
    b"\xff\xd8\xff\xe0": "image/jpeg",
    b"RIFF\0\0\0\0WEBPVP8 ": "image/webp",
    b"\0\0\0\x18ftypmp42": "video/mp4",
    b"  <!DOCTYPE html><html>": "text/html",
    b"<svg xmlns='x'>": "image/svg+xml",
    b"#!/bin/sh\n": "text/x-shellscript",
    b"Just a text.": "",
    b"": "",
}

KNOWN = {
    "zip": "application/zip",
    "7z": "application/x-7z-compressed",
    "rar": "application/vnd.rar",
    "rar5": "application/vnd.rar",
    "tar": "application/x-tar",
    "tar, old": "application/x-tar",
    "gz": "application/gzip",
    "cab": "application/vnd.ms-cab-compressed",
    "arj": "application/x-arj",
    "lha": "application/x-lzh-compressed",
    "iso": "application/x-iso9660-image",
}


@pytest.mark.parametrize(("content", "mime"), PLAIN.items(), ids=repr)
def test_what_holds_nothing_is_known_by_its_first_bytes(content: bytes, mime: str) -> None:
    assert kinds_of(content) == ()
    assert true_type(content, ()) == mime


@pytest.mark.parametrize(("kind", "mime"), KNOWN.items())
def test_an_archive_is_what_its_bytes_say(kind: str, mime: str) -> None:
    content = ARCHIVES[kind](b"content")

    assert true_type(content, kinds_of(content)) == mime


@pytest.mark.parametrize(
    ("streams", "mime"),
    [
        ({"WordDocument": b"x"}, "application/msword"),
        ({"Workbook": b"x"}, "application/vnd.ms-excel"),
        ({"PowerPoint Document": b"x"}, "application/vnd.ms-powerpoint"),
        ({"__properties_version1.0": b"x"}, "application/vnd.ms-outlook"),
        ({"Anything": b"x"}, "application/x-ole-storage"),
    ],
)
def test_an_ole_file_is_what_it_holds(streams: dict[str, bytes], mime: str) -> None:
    content = documents.an_ole(streams)

    assert true_type(content, kinds_of(content)) == mime


def test_a_file_that_is_two_things_is_both_and_first_what_it_begins_with() -> None:
    picture = b"GIF89a" + bytes(50) + archives.a_zip(b"content")
    archive = ARCHIVES["rar"](archives.a_zip(b"content"))

    assert (true_type(picture, kinds_of(picture)), [one.kind for one in kinds_of(picture)]) == (
        "image/gif",
        [Kind.ZIP],
    )
    assert [one.kind for one in kinds_of(archive)] == [Kind.RAR, Kind.ZIP]


@pytest.mark.parametrize(
    "text",
    [
        b"070701 was the date",
        b"BZh is what bzip2 begins with",
        b"conectix made it",
        b"hsqs",
        b"x" * 148 + b"1 0 0 R " + b"x" * 400,  # numbers where tar has a sum
        b"Subject: only this\r\n\r\nlooks like mail",
        b"From here to there",
        b"ab-lh5",
        b"begin with this",
    ],
)
def test_text_that_happens_to_begin_like_a_container_is_none(text: bytes) -> None:
    assert kinds_of(text) == ()


def test_every_kind_can_be_opened_or_says_that_nothing_can() -> None:
    assert set(CONTAINERS) | set(NO_OPENER) == set(Kind)
    assert not set(CONTAINERS) & set(NO_OPENER)


@given(st.binary(max_size=700), st.sampled_from([0, 148, 257, 510, 3, 54]), st.binary(max_size=16))
def test_no_content_makes_the_table_fail(content: bytes, place: int, mark: bytes) -> None:
    changed = content[:place].ljust(place, b"0") + mark + content[place:]

    assert isinstance(true_type(changed, kinds_of(changed)), str)
