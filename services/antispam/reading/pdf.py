"""Text and links of PDF documents, of their first pages."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

from services.antispam.message import Source
from services.antispam.reading.documents import LONGEST_TEXT, MOST_REFERENCES, Document, Unreadable
from services.antispam.reading.html import Reference
from services.antispam.reading.plain import lines

if TYPE_CHECKING:
    import pypdf

MOST_PAGES = 5
"""Pages that are read: a message is in the first ones, or in none."""

# What it says of damaged documents is of no use to anybody.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def read_pdf(content: bytes) -> Document:
    """The text of the first pages, and where their links lead. Raises `Unreadable`."""
    import pypdf  # when the first document comes: only confined processes need it

    texts: list[str] = []
    targets: dict[str, None] = {}
    try:
        document = pypdf.PdfReader(io.BytesIO(content))
        if document.is_encrypted and not document.decrypt(""):
            raise Unreadable("it is encrypted")
        for page in document.pages[:MOST_PAGES]:
            _take_targets(page, targets)
            texts.append(page.extract_text())
            if sum(map(len, texts)) > LONGEST_TEXT:
                break
    except Unreadable:
        raise
    except Exception as error:  # it raises many sorts for what is damaged
        if not texts and not targets:
            raise Unreadable(str(error)[:100] or type(error).__name__) from error
    references = tuple(Reference(one, Source.ATTACHMENT) for one in targets)
    return Document(lines("\n".join(texts))[:LONGEST_TEXT], references)


def _take_targets(page: pypdf.PageObject, targets: dict[str, None]) -> None:
    annotations = page.get("/Annots")
    for one in annotations.get_object() if annotations is not None else ():
        action = one.get_object().get("/A")
        target = action.get_object().get("/URI") if action is not None else None
        if isinstance(target, str) and len(targets) < MOST_REFERENCES:
            targets[target[:2048]] = None
