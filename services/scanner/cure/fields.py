"""Fields and formulas that start programs or load from outside (ECMA-376 part 1, §17.16 and §18.17)."""

from __future__ import annotations

import re

from lxml import etree

from services.scanner.cure.xml import parsed, written

_WORD = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
_HARMFUL = re.compile(
    r"\b(?:DDE|DDEAUTO|LINK|IMPORT|INCLUDE|INCLUDETEXT|INCLUDEPICTURE|MACROBUTTON)\b", re.IGNORECASE
)
_HIDDEN = re.compile(r"\bQUOTE\b", re.IGNORECASE)
_DDE_FORMULA = re.compile(r"^[^\"]*\|[^\"]*!")
_WORTH_A_LOOK = re.compile(rb"fldSimple|instrText|fldChar")


def without_harmful_fields(content: bytes) -> bytes:
    """A part of a text document in which no field starts or loads anything; what fields show stays."""
    if not _WORTH_A_LOOK.search(content):
        return content
    root = parsed(content)
    changed = False
    for namespace in _WORD:
        instruction = f"{{{namespace}}}instr"
        for simple in root.iter(f"{{{namespace}}}fldSimple"):
            if _HARMFUL.search(simple.get(instruction, "")):
                simple.set(instruction, "")
                changed = True
        changed |= _blank_complex_fields(root, namespace)
    return written(root) if changed else content


def _blank_complex_fields(root: etree._Element, namespace: str) -> bool:
    """Empty the instructions of harmful fields, which may be in pieces and inside each other."""
    kind, marks, texts = f"{{{namespace}}}fldCharType", f"{{{namespace}}}fldChar", f"{{{namespace}}}instrText"
    depth, pieces, changed = 0, list[etree._Element](), False
    for element in root.iter(marks, texts):
        if element.tag == texts:
            pieces.append(element)
            continue
        depth += {"begin": 1, "end": -1}.get(element.get(kind, ""), 0)
        if depth <= 0:
            changed |= _blank(pieces)
            depth, pieces = 0, []
    return _blank(pieces) or changed


def _blank(pieces: list[etree._Element]) -> bool:
    said = "".join(piece.text or "" for piece in pieces)
    if not _HARMFUL.search(said) and not _HIDDEN.search(said):
        return False
    for piece in pieces:
        piece.text = ""
    return True


def without_harmful_formulas(content: bytes) -> bytes:
    """A part of a workbook without formulas that ask other programs; their last values stay."""
    if b"|" not in content or b"<" not in content:
        return content
    root = parsed(content)
    harmful = [
        element
        for element in root.iter("{*}f", "{*}definedName")
        if element.text and _DDE_FORMULA.match(element.text)
    ]
    for element in harmful:
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
    return written(root) if harmful else content
