"""The ties of old Word documents: strings that lead outside are empty, all others stay as they were."""

from __future__ import annotations

import io
import struct

import olefile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scanner.cure.ole import disarm_ole
from services.scanner.cure.word import Place, ties_of, without_ties
from services.scanner.cure.xml import Incurable
from tests.support.office import a_tied_doc, compound

REMOTE = "http://192.0.2.7/evil.dotm"


def stream(document: bytes, name: str) -> bytes:
    with olefile.OleFileIO(io.BytesIO(document)) as ole:
        return ole.openstream(name).read()


@pytest.mark.parametrize("table", ["0Table", "1Table"])
def test_a_document_is_tied_to_no_template_after_the_cure(table: str) -> None:
    document = a_tied_doc(REMOTE, table)

    found = disarm_ole(document)

    assert found is not None
    assert len(found) == len(document)
    assert REMOTE.encode("utf-16-le") in stream(document, table)
    after = stream(found, table)
    assert REMOTE.encode("utf-16-le") not in after
    assert b"before" in after
    assert b"behind" in after
    assert "The title".encode("utf-16-le") in after
    assert "letters.example".encode("utf-16-le") not in after


def test_a_document_of_word_95_is_tied_to_no_template_after_the_cure() -> None:
    strings = b"".join(bytes([len(text)]) + text for text in (b"", REMOTE.encode(), b"The title"))
    text = bytearray(struct.pack("<HH", 0xA5DC, 104).ljust(0x300, b"\0"))
    struct.pack_into("<LL", text, 0x158, len(text), 2 + len(strings))
    text += struct.pack("<H", 2 + len(strings)) + strings + b"the text"
    document = compound({"WordDocument": bytes(text)})

    found = disarm_ole(document)

    assert found is not None
    assert len(found) == len(document)
    after = stream(found, "WordDocument")
    assert REMOTE.encode() not in after
    assert b"\x09The title" in after
    assert after.endswith(b"the text")


def test_a_document_that_names_no_place_is_as_it_was() -> None:
    assert ties_of(b"\xec\xa5".ljust(0x300, b"\0")) is None
    assert ties_of(b"\xec\xa5") is None


def test_strings_that_cannot_be_read_cannot_be_cured() -> None:
    document = a_tied_doc(REMOTE, "1Table", count=40)

    assert disarm_ole(document) is None


@given(st.binary(max_size=200), st.integers(0, 250), st.integers(0, 250), st.booleans())
def test_whatever_stands_there_the_length_stays(content: bytes, start: int, length: int, wide: bool) -> None:
    try:
        found = without_ties(content, Place("1table", start, start + length, wide))
    except Incurable:
        return
    assert len(found) == len(content)
    assert found[:start] == content[:start]
    assert found[start + length :] == content[start + length :]
