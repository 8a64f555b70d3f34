"""Messages with something in them that the gateway acts on."""

from __future__ import annotations

# In pieces: no scanner on the way of this file shall take it for the test file.
_TEST_FILE = b"".join((rb"X5O!P%@AP[4\PZX54(P^)7CC)7}", b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!", b"$H+H*"))

TEXT = b"This text goes with the attachment.\r\n"


def virus_test_file(prefix: str = "") -> bytes:
    """The anti-virus test file, or one of its variants (reference, section 6.1)."""
    return prefix.encode() + _TEST_FILE


def plain(subject: str, text: bytes = TEXT) -> bytes:
    """A message of one text."""
    header = f"From: a@client.example\r\nTo: b@site.example\r\nSubject: {subject}\r\n"
    return header.encode() + b"\r\n" + text


def with_attachment(subject: str, content: bytes, name: str = "sample.txt") -> bytes:
    """A message of two parts: `TEXT`, and an attachment."""
    header = plain(subject, b"").removesuffix(b"\r\n")
    return header + (
        b"MIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="edge"\r\n'
        b"\r\n"
        b"--edge\r\n"
        b"Content-Type: text/plain\r\n"
        b"\r\n" + TEXT + b"\r\n"
        b"--edge\r\n"
        b'Content-Type: application/octet-stream; name="' + name.encode() + b'"\r\n'
        b"Content-Disposition: attachment\r\n"
        b"\r\n" + content + b"\r\n"
        b"--edge--\r\n"
    )
