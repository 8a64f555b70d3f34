"""A text as a MIME part of its own, in a form that all mail servers carry."""

from __future__ import annotations

from gateway.domain import transfer

LONGEST_LINE = 998
"""Bytes of a line without its end (RFC 5322 §2.1.1)."""


def as_text_part(text: str) -> tuple[bytes, bytes]:
    """Fields and content of a part with that text. The content ends without a line end."""
    text = text.strip("\r\n")
    if text.isascii() and "\0" not in text and all(len(line) <= LONGEST_LINE for line in text.split("\r\n")):
        charset, encoding, content = "us-ascii", "7bit", text.encode()
    else:
        charset, encoding = "utf-8", transfer.QUOTED_PRINTABLE
        content = transfer.encode(text.encode(errors="replace"), encoding)
    header = (
        f"Content-Type: text/plain; charset={charset}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n"
        f"Content-Disposition: inline\r\n"
    )
    return header.encode(), content
