"""Scripts, actions that start or send something, and embedded files out of PDF (ISO 32000-2)."""

from __future__ import annotations

import io

import pikepdf

_ACTIONS = frozenset(
    {
        *("/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/GoToE", "/GoToR", "/Rendition"),
        *("/Movie", "/Sound", "/RichMediaExecute", "/GoTo3DView", "/Hide", "/SetOCGState", "/Trans"),
    }
)
"""Types of actions that go (§12.6.4); what leads to a place or to an address stays."""

_KEYS = ("/AA", "/JS", "/JavaScript", "/EmbeddedFiles", "/EF", "/AF", "/XFA", "/RichMediaContent")
"""What goes wherever it stands: additional actions, scripts and files."""

_ANNOTATIONS = frozenset({"/FileAttachment", "/RichMedia", "/Screen", "/Movie", "/Sound", "/3D"})

MOST_OBJECTS = 200_000
"""Dictionaries and lists of one document that are gone through."""


def disarm_pdf(content: bytes) -> bytes | None:
    """The document without them; None if it cannot be read, or has a password."""
    try:
        with pikepdf.open(io.BytesIO(content)) as document:
            pages = len(document.pages)
            _disarm(document)
            made = io.BytesIO()
            document.save(made, encryption=False)
        with pikepdf.open(io.BytesIO(made.getvalue())) as again:
            return made.getvalue() if len(again.pages) == pages else None
    except (pikepdf.PdfError, pikepdf.PasswordError, ValueError, RuntimeError, TypeError, RecursionError):
        return None


def _disarm(document: pikepdf.Pdf) -> None:
    waiting: list[pikepdf.Object] = [document.Root, document.trailer, *document.objects]
    seen = 0
    while waiting:
        seen += 1
        if seen > MOST_OBJECTS:
            raise ValueError("too many objects")
        found = waiting.pop()
        if isinstance(found, (pikepdf.Dictionary, pikepdf.Stream)):
            _disarm_dictionary(found)
            waiting += [value for value in _values(found) if _is_direct_container(value)]
        elif isinstance(found, pikepdf.Array):
            _without_annotations(found)
            waiting += [value for value in list(found) if _is_direct_container(value)]


def _disarm_dictionary(found: pikepdf.Object) -> None:
    for key in _KEYS:
        if key in found:
            del found[key]
    if "/S" in found and "/Next" in found:
        del found["/Next"]  # of an action; bookmarks have one, too
    for key in ("/OpenAction", "/A", "/PA"):
        if key in found and _is_harmful(found[key]):
            del found[key]


def _is_harmful(action: object) -> bool:
    return isinstance(action, pikepdf.Dictionary) and str(action.get("/S", "")) in _ACTIONS


def _without_annotations(found: pikepdf.Array) -> None:
    for index in reversed(range(len(found))):
        value = found[index]
        if isinstance(value, pikepdf.Dictionary) and str(value.get("/Subtype", "")) in _ANNOTATIONS:
            del found[index]


def _values(found: pikepdf.Object) -> list[pikepdf.Object]:
    return [value for _, value in found.items()]


def _is_direct_container(value: object) -> bool:
    # What is indirect is in the list of all objects already.
    return isinstance(value, (pikepdf.Dictionary, pikepdf.Array)) and not value.is_indirect
