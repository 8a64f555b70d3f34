"""Office documents after the cure, by the judgement of oletools and of the standard library."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable
from xml.etree import ElementTree

import olefile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scanner.cure.ole import disarm_ole
from services.scanner.cure.ooxml import disarm_ooxml
from tests.support.office import TEXT, a_doc, a_docm, an_xlsm, compound, packed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the age of that library
    from oletools.olevba import VBA_Parser

RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


def macros(content: bytes, name: str) -> list[str]:
    """The source of all macros."""
    return [source for *_, source in VBA_Parser(name, data=content).extract_macros()]


def parts(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {
            name: archive.read(name).decode()
            for name in archive.namelist()
            if name.endswith((".xml", ".rels"))
        }


def cured(disarm: Callable[[bytes, str], bytes | None], content: bytes, name: str) -> bytes:
    found = disarm(content, name)
    assert found is not None
    return found


def shown(part: str) -> list[str]:
    """The texts of a part."""
    return [
        element.text or "" for element in ElementTree.fromstring(part).iter() if element.tag.endswith("}t")
    ]


@pytest.mark.parametrize(("make", "name"), [(a_docm, "offer.docm"), (an_xlsm, "offer.xlsm")])
def test_macros_are_gone_with_all_that_refers_to_them(make: Callable[[], bytes], name: str) -> None:
    document = make()

    found = cured(disarm_ooxml, document, name)

    assert "AutoOpen" in macros(document, name)[0]
    assert macros(found, name) == []
    assert not VBA_Parser(name, data=found).detect_vba_macros()
    kept = parts(found)
    overrides = ElementTree.fromstring(kept["[Content_Types].xml"])
    named = {entry.get("PartName", "").lstrip("/") for entry in overrides} - {""}
    assert named <= set(kept)
    for rels in (part for part in kept if part.endswith(".rels")):
        targets = {tie.get("Target", "") for tie in ElementTree.fromstring(kept[rels]).iter(RELATIONSHIP)}
        assert not {
            target for target in targets if "vba" in target or "embeddings" in target or "macro" in target
        }


def test_objects_fields_and_templates_of_a_text_are_gone_and_its_text_and_links_stay() -> None:
    before, after = parts(a_docm()), parts(cured(disarm_ooxml, a_docm(), "offer.docm"))

    text = after["word/document.xml"]
    assert shown(text) == shown(before["word/document.xml"])
    assert "DDE" not in text.upper()
    assert "OLEObject" not in text
    assert "attachedTemplate" not in after["word/settings.xml"]
    assert "192.0.2.7" not in "".join(after.values())
    assert "https://www.office.example/" in after["word/_rels/document.xml.rels"]


def test_sheets_of_macros_and_formulas_that_ask_programs_are_gone_and_values_stay() -> None:
    after = parts(cured(disarm_ooxml, an_xlsm(), "offer.xlsm"))

    assert "Macro1" not in after["xl/workbook.xml"]
    assert [part for part in after if "macrosheets" in part] == []
    sheet = after["xl/worksheets/sheet1.xml"]
    assert shown(sheet) == [TEXT]
    assert "calc" not in sheet
    assert "<v>1</v>" in sheet.replace("ns0:", "")
    assert "A1&amp;" in sheet  # what only looks like it


@pytest.mark.parametrize(
    ("name", "main"),
    [
        ("offer.docm", "application/vnd.ms-word.document.macroEnabled.main+xml"),
        ("offer.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"),
    ],
)
def test_the_main_part_has_the_type_that_the_name_promises(name: str, main: str) -> None:
    assert main in parts(cured(disarm_ooxml, a_docm(), name))["[Content_Types].xml"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 no archive",
        packed({"word/document.xml": "<a/>"}),
        packed({"[Content_Types].xml": "<broken"}),
        packed({"[Content_Types].xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}),
        packed({"[Content_Types].xml": "<a/>", "xl/macrosheets/sheet1.bin": b"\0", "xl/workbook.bin": b"\0"}),
    ],
    ids=["empty", "broken", "no types", "broken types", "entities", "binary macro sheets"],
)
def test_what_cannot_be_disarmed_without_damage_is_left(content: bytes) -> None:
    assert disarm_ooxml(content, "a.docx") is None


def test_an_old_document_keeps_its_length_and_text_and_loses_what_does_harm() -> None:
    document = a_doc()

    found = disarm_ole(document)

    assert found is not None
    assert len(found) == len(document)
    assert "AutoOpen" in macros(document, "offer.doc")[0]
    assert macros(found, "offer.doc") == []
    assert b"MZ the program" not in found
    with olefile.OleFileIO(io.BytesIO(found)) as ole, olefile.OleFileIO(io.BytesIO(document)) as before:
        assert ole.listdir() == before.listdir()
        text = ole.openstream("WordDocument").read()
        assert TEXT.encode() in text
        assert b"DDEAUTO" not in text
        assert b"\x14result\x15" in text


def workbook(*records: tuple[int, bytes]) -> bytes:
    """An old workbook of these records."""
    stream = b"".join(
        kind.to_bytes(2, "little") + len(content).to_bytes(2, "little") + content for kind, content in records
    )
    return compound({"Workbook": stream.ljust(5000, b"\0")})


def test_links_of_an_old_workbook_to_other_programs_lead_nowhere() -> None:
    found = disarm_ole(workbook((0x0809, bytes(16)), (0x01AE, b"\1\0\x0c\0\0cmd\x03/c calc.exe")))

    assert found is not None
    assert b"cmd\x03" not in found
    assert b"calc" not in found


@pytest.mark.parametrize(
    "record", [(0x002F, bytes(6)), (0x0809, b"\0\x06\x40\0" + bytes(12))], ids=["encrypted", "macro sheet"]
)
def test_an_old_workbook_that_cannot_be_disarmed_is_left(record: tuple[int, bytes]) -> None:
    assert disarm_ole(workbook((0x0809, bytes(16)), record)) is None


def test_objects_in_an_old_presentation_are_empty_and_all_else_stays() -> None:
    stream = bytes.fromhex("0f00e80316000000") + bytes.fromhex("1000111006000000") + b"object" + b"text after"

    found = disarm_ole(compound({"PowerPoint Document": stream.ljust(5000, b"\0")}))

    assert found is not None
    assert b"object" not in found
    assert b"text after" in found


@settings(max_examples=60)
@given(st.data())
def test_nothing_makes_the_cure_fail(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from([a_docm(), an_xlsm(), a_doc()]))
    at = data.draw(st.integers(0, len(document) - 1))
    broken = document[:at] + data.draw(st.binary(min_size=1, max_size=40)) + document[at + 1 :]

    found = disarm_ole(broken)

    assert found is None or len(found) == len(broken)
    disarm_ooxml(broken, "a.docm")
