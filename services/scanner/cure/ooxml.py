"""Macros, objects, DDE and remote templates out of Office documents of the XML kind (ECMA-376).

A document is a ZIP of parts, tied together by relationships. What does harm is a part of its own, or a
relationship that leads outside; both go, with all that refers to them. Every other part stays as it is.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from lxml import etree

from services.scanner.cure.fields import without_harmful_fields, without_harmful_formulas
from services.scanner.cure.xml import Incurable, parsed, written

CONTENT_TYPES = "[Content_Types].xml"

_HARMFUL_PARTS = re.compile(
    r"(?:^|/)(?:vbaProject\w*\.bin|vbaData\w*\.xml|vbaProjectSignature\w*\.bin|attachedToolbars\.bin)$"
    r"|/(?:activeX|embeddings|macrosheets|intlMacrosheets|dialogsheets|webextensions|ctrlProps)/"
    r"|/customUI/",
    re.IGNORECASE,
)
_HARMFUL_TIES = re.compile(
    r"/(?:vbaProject\w*|wordVbaData|oleObject|package|control|activeXControlBinary|attachedTemplate|attachedToolbars"
    r"|frame|subDocument|mailMergeSource|xlMacrosheet|xlIntlMacrosheet|dialogsheet|extensibility|ui|webextension"
    r"|webextensiontaskpanes|afChunk|ctrlProp)$",
    re.IGNORECASE,
)
_LINK = re.compile(r"/hyperlink$", re.IGNORECASE)
_SAFE_ADDRESS = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)
_DDE_LINK = re.compile(rb"<(?:\w+:)?(?:ddeLink|oleLink)\b")
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_REFERENCES = frozenset(
    {
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "http://purl.oclc.org/ooxml/officeDocument/relationships",
    }
)
_NEVER_EMPTY = frozenset(
    "oleObjects controls externalReferences object AlternateContent Choice Fallback".split(" ")  # noqa: SIM905
)
"""Elements that must not stay without children."""

_WITH_MACROS = {"docm", "dotm", "xlsm", "xltm", "xlam", "pptm", "potm", "ppsm", "ppam", "sldm"}
_PLAIN = "vnd.openxmlformats-officedocument"
_PLAIN_TYPES = (
    ("vnd.ms-word.document.macroEnabled.main", f"{_PLAIN}.wordprocessingml.document.main"),
    ("vnd.ms-word.template.macroEnabledTemplate.main", f"{_PLAIN}.wordprocessingml.template.main"),
    ("vnd.ms-excel.sheet.macroEnabled.main", f"{_PLAIN}.spreadsheetml.sheet.main"),
    ("vnd.ms-excel.template.macroEnabled.main", f"{_PLAIN}.spreadsheetml.template.main"),
    ("vnd.ms-powerpoint.presentation.macroEnabled.main", f"{_PLAIN}.presentationml.presentation.main"),
    ("vnd.ms-powerpoint.slideshow.macroEnabled.main", f"{_PLAIN}.presentationml.slideshow.main"),
    ("vnd.ms-powerpoint.template.macroEnabled.main", f"{_PLAIN}.presentationml.template.main"),
)
"""Types of the main part of documents with macros, and of the same ones without."""

LARGEST = 256 << 20
"""Bytes of all parts together."""


def disarm_ooxml(content: bytes, name: str = "") -> bytes | None:
    """The document without what can do harm, to be kept under `name`; None if that cannot be."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            if len({info.filename.lower() for info in infos}) != len(infos):
                return None  # readers may disagree about which of two is meant
            if sum(info.file_size for info in infos) > LARGEST or any(info.flag_bits & 1 for info in infos):
                return None
            parts = {info.filename: archive.read(info) for info in infos if not info.is_dir()}
        return _packed(_Document(parts).disarmed(name))
    except (Incurable, etree.XMLSyntaxError, zipfile.BadZipFile, zlib.error):
        return None
    # Of a ZIP that is packed in a way that the library does not know, encrypted, or broken otherwise.
    except (NotImplementedError, RuntimeError, EOFError, ValueError):
        return None


@dataclass(slots=True)
class _Document:
    parts: dict[str, bytes]
    gone: set[str] = field(default_factory=set)

    def disarmed(self, name: str) -> dict[str, bytes]:
        if CONTENT_TYPES not in self.parts:
            raise Incurable("it has no list of its parts")
        self.gone = {part for part, content in self.parts.items() if _is_harmful(part, content)}
        if any(part.endswith(".bin") and "macrosheets/" in part for part in self.gone):
            raise Incurable("a binary workbook lists its sheets where nothing can be taken out")
        lost = {source: self._without_ties(rels) for rels, source in self._relationships()}
        self.gone |= {rels for rels, source in self._relationships() if source in self.gone}
        for part, identifiers in lost.items():
            if part in self.parts and part not in self.gone and _is_xml(part) and identifiers:
                self.parts[part] = _without_references(self.parts[part], identifiers)
        for part in self.parts:
            if part not in self.gone and _is_xml(part):
                self.parts[part] = without_harmful_formulas(without_harmful_fields(self.parts[part]))
        kept = {part: content for part, content in self.parts.items() if part not in self.gone}
        kept[CONTENT_TYPES] = self._content_types(name)
        return kept

    def _relationships(self) -> Iterable[tuple[str, str]]:
        """The parts that hold relationships, and the parts that those are of."""
        for part in tuple(self.parts):
            path = PurePosixPath(part)
            if path.suffix == ".rels" and path.parent.name == "_rels":
                yield part, str(path.parent.parent / path.stem) if path.stem else ""

    def _without_ties(self, rels: str) -> set[str]:
        """Take harmful relationships out; their identifiers."""
        root = parsed(self.parts[rels])
        base = PurePosixPath("/") / PurePosixPath(rels).parent.parent
        lost: set[str] = set()
        for tie in list(root.iter(f"{{{_RELATIONSHIPS}}}Relationship")):
            kind, target = tie.get("Type", ""), tie.get("Target", "")
            outside = tie.get("TargetMode", "").lower() == "external"
            if outside and _LINK.search(kind) and _SAFE_ADDRESS.match(target.strip()):
                continue
            if not outside and not _HARMFUL_TIES.search(kind) and _resolved(base, target) not in self.gone:
                continue
            if not outside:
                self.gone.add(_resolved(base, target))
            lost.add(tie.get("Id", ""))
            root.remove(tie)
        if lost:
            self.parts[rels] = written(root)
        return lost

    def _content_types(self, name: str) -> bytes:
        root = parsed(self.parts[CONTENT_TYPES])
        keeps_type = name.rpartition(".")[2].lower() in _WITH_MACROS
        for entry in list(root):
            if not isinstance(entry.tag, str):
                continue
            if entry.get("PartName", "").lstrip("/") in self.gone:
                root.remove(entry)
                continue
            for macro, plain in () if keeps_type else _PLAIN_TYPES:
                entry.set("ContentType", entry.get("ContentType", "").replace(macro, plain))
        return written(root)


def _without_references(content: bytes, identifiers: set[str]) -> bytes:
    """A part without the elements that refer to relationships that are gone."""
    root = parsed(content)
    for element in list(root.iter("*")):
        named = (etree.QName(attribute).namespace for attribute in element.attrib)
        if not any(namespace in _REFERENCES for namespace in named):
            continue
        if any(
            etree.QName(attribute).namespace in _REFERENCES and value in identifiers
            for attribute, value in element.attrib.items()
        ):
            _remove(element)
    return written(root)


def _remove(element: etree._Element) -> None:
    """Take an element out, and what must not stay empty without it. A text behind it stays."""
    parent = element.getparent()
    if parent is None:
        raise Incurable("nothing would be left")
    if etree.QName(element).localname == "sheet" and len(parent) == 1:
        raise Incurable("it is made of macro sheets alone")
    before = element.getprevious()
    if element.tail:
        if before is not None:
            before.tail = (before.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)
    if len(parent) == 0 and etree.QName(parent).localname in _NEVER_EMPTY:
        _remove(parent)


def _is_harmful(part: str, content: bytes) -> bool:
    return _HARMFUL_PARTS.search(f"/{part}") is not None or _is_dde(part, content)


def _is_dde(part: str, content: bytes) -> bool:
    return "externallinks/" in part.lower() and _is_xml(part) and _DDE_LINK.search(content) is not None


def _is_xml(part: str) -> bool:
    return part.lower().endswith((".xml", ".vml"))


def _resolved(base: PurePosixPath, target: str) -> str:
    """The part that a relationship leads to."""
    steps: list[str] = []
    for step in (base / target.partition("#")[0]).parts[1:]:
        if step == "..":
            steps = steps[:-1]
        elif step != ".":
            steps.append(step)
    return "/".join(steps)


def _packed(parts: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    ordered = sorted(parts, key=lambda part: part != CONTENT_TYPES)  # readers look for it first
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in ordered:
            archive.writestr(zipfile.ZipInfo(part), parts[part], zipfile.ZIP_DEFLATED)
    return made.getvalue()
