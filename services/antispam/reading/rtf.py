"""Text of RTF documents."""

from __future__ import annotations

import re

from services.antispam.message import Source
from services.antispam.reading.documents import LONGEST_TEXT, MOST_REFERENCES, Document, Unreadable
from services.antispam.reading.html import Reference
from services.antispam.reading.plain import lines

MOST_BYTES = 512 << 10
"""Bytes that are read: the time for more of it grows too fast."""

_LINK = re.compile(r"HYPERLINK\s{1,4}\"([^\"\\\s]{4,2048})\"")


def read_rtf(content: bytes) -> Document:
    """The text, and where its links lead. Raises `Unreadable`."""
    from striprtf.striprtf import rtf_to_text  # when the first document comes

    source = content[:MOST_BYTES].decode("latin-1")
    try:
        text = rtf_to_text(source, errors="ignore")
    except Exception as error:  # it raises many sorts for what is damaged
        raise Unreadable(str(error)[:100] or type(error).__name__) from error
    targets = dict.fromkeys(_LINK.findall(source)[:MOST_REFERENCES])
    return Document(lines(text)[:LONGEST_TEXT], tuple(Reference(one, Source.ATTACHMENT) for one in targets))
