"""Multipart messages, made of parts with and without the anti-virus test file."""

from __future__ import annotations

from base64 import encodebytes
from zlib import crc32

from tests.support.samples import virus_test_file

TEST_FILE = virus_test_file()

HEADER = b"From: a@client.example\r\nSubject: hello\r\nMIME-Version: 1.0\r\n"


def a_message(*parts: bytes, kind: str = "mixed") -> bytes:
    """A multipart with these parts, each with its header."""
    boundary = f"limit{crc32(b''.join(parts))}".encode()
    head = HEADER + f"Content-Type: multipart/{kind}; boundary=".encode() + boundary + b"\r\n\r\n"
    return head + b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts) + b"--%b--\r\n" % boundary


def a_text(text: bytes = b"Hello.") -> bytes:
    """A part with a text."""
    return b"Content-Type: text/plain\r\n\r\n" + text


def an_attachment(content: bytes, name: str = "eicar.com", *, encoding: str = "base64") -> bytes:
    """A part with a file, encoded in base64 or not at all."""
    header = (
        f'Content-Type: application/octet-stream; name="{name}"\r\n'
        f"Content-Disposition: attachment\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    encoded = encodebytes(content).strip().replace(b"\n", b"\r\n") if encoding == "base64" else content
    return header.encode() + encoded
