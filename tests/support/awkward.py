"""Messages that are hard to carry unchanged, all with CRLF line ends: some by name, any number at random."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from hypothesis import strategies as st

_HEADER = b"From: a@client.example\r\nTo: b@site.example\r\nSubject: awkward\r\n"
_EVERY_BYTE = bytes(byte for byte in range(256) if byte not in b"\r\n")


def _multipart(boundary: bytes, *parts: bytes, closed: bool = True) -> bytes:
    """The header and body of a multipart; each part begins with its own header."""
    opened = b"".join(b"\r\n--%b\r\n%b" % (boundary, part) for part in parts)
    end = b"\r\n--%b--\r\n" % boundary if closed else b""
    return b'Content-Type: multipart/mixed; boundary="%b"\r\n%b%b' % (boundary, opened, end)


_TEXT = b"Content-Type: text/plain\r\n\r\ntext"
_BASE64 = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
_ODD_ENDS = (b"QUJD=", b"QUI", b"Q", b"=", b"QUJD\r\n=\r\n", b"QU JD\r\n\r\n")


def _nested(levels: int) -> bytes:
    opened = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
    return b"".join(opened % (level, level) for level in range(levels)) + _TEXT + b"\r\n"


_NAMED: Mapping[str, bytes] = {
    "empty": b"",
    "one empty line": b"\r\n",
    "a header alone": _HEADER,
    "a header and an empty body": _HEADER + b"\r\n",
    "a body alone": b"\r\nno header\r\n",
    "no header at all": b"just text, and no field\r\nmore of it\r\n",
    "it begins with a folded line": b" folded\r\n\tmore\r\n" + _HEADER + b"\r\nbody\r\n",
    "a header line that is no field": _HEADER + b"this is no field\r\nX-Field: x\r\n\r\nbody\r\n",
    "a field without a name": b": nameless\r\n" + _HEADER + b"\r\nbody\r\n",
    "the same field often": _HEADER * 20 + b"\r\nbody\r\n",
    "a header of 60 KB": _HEADER + b"X-Long: x\r\n" * 5500 + b"\r\nbody\r\n",
    "a folded Subject": b"Subject: one\r\n  two\r\n\tthree\r\n \r\n four\r\n\r\nbody\r\n",
    "8-bit in header and body": "Subject: Grüße\r\nFrom: Jörg\r\n\r\nÄÖÜ €\r\n".encode(),
    "every byte": _HEADER + b"\r\n" + _EVERY_BYTE + b"\r\n",
    "every byte in a header": b"X-Bytes: " + _EVERY_BYTE + b"\r\n" + _HEADER + b"\r\nbody\r\n",
    "NUL bytes": _HEADER + b"X-Nul: \0\r\n\r\n\0\0\0\r\n\0\r\n",
    "NUL bytes alone": b"\0" * 5000 + b"\r\n",
    "a line of 100 KB": _HEADER + b"\r\n" + b"x" * 100_000 + b"\r\nend\r\n",
    "a header line of 100 KB": b"X-Long: " + b"x" * 100_000 + b"\r\n" + _HEADER + b"\r\nbody\r\n",
    "a dot alone": b".\r\n",
    "dots alone": b".\r\n.\r\n.\r\n",
    "lines of dots": _HEADER + b"\r\n.\r\n..\r\n...\r\n....\r\n. .\r\n.x\r\nx.\r\n",
    "a line of many dots": _HEADER + b"\r\n" + b"." * 70_000 + b"\r\n",
    "a dot at the start of each piece": _HEADER + b"\r\n" + (b"." + b"x" * 4094 + b"\r\n") * 64,
    "spaces at line ends": _HEADER + b"\r\ntext  \r\n\t\r\n \r\n\r\n\r\n",
    "From at a line's start": _HEADER + b"\r\nFrom here to there\r\n>From\r\n",
    "it looks like a dialogue": _HEADER + b"\r\nQUIT\r\nRSET\r\nMAIL FROM:<x@client.example>\r\nDATA\r\n",
    "megabytes": _HEADER + b"\r\n" + (b"0123456789" * 7 + b"\r\n") * 30_000,
    "nested multiparts that share a boundary": _HEADER
    + _multipart(b"same", _multipart(b"same", _TEXT, _TEXT), _TEXT),
    "nested boundaries that begin alike": _HEADER
    + _multipart(b"edge", _multipart(b"edge1", _TEXT, _multipart(b"edge11", _TEXT)), _TEXT),
    "the boundary in a body": _HEADER
    + _multipart(b"edge", _TEXT + b"\r\n --edge\r\n--edg\r\n-edge\r\n--edgex"),
    "a multipart without an end": _HEADER + _multipart(b"edge", _TEXT, _TEXT, closed=False),
    "a multipart without parts": _HEADER + _multipart(b"edge"),
    "an empty boundary": _HEADER + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\n----\r\n',
    "a hundred levels": _HEADER + _nested(100),
    "text before and after the parts": _HEADER
    + _multipart(b"edge", _TEXT).replace(b"\r\n\r\n--edge", b"\r\n\r\npreamble\r\n--edge", 1)
    + b"epilogue\r\n--edge--\r\nmore\r\n",
    "an attached message": _HEADER
    + _multipart(b"edge", b"Content-Type: message/rfc822\r\n\r\n" + _HEADER + _multipart(b"edge", _TEXT)),
    "base64 with odd ends": _HEADER + _multipart(b"edge", *(_BASE64 + end for end in _ODD_ENDS)),
    "base64 in one long line": _HEADER + _BASE64 + base64.b64encode(bytes(90_000)) + b"\r\n",
    "quoted-printable with odd ends": _HEADER
    + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=\r\n==\r\n=4\r\n=ZZ\r\ntrail =\r\n=",
    "an unknown encoding": _HEADER + b"Content-Transfer-Encoding: x-odd\r\n\r\nbody\r\n",
    "uuencoded": _HEADER + b"\r\nbegin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\nbegin 644 b\r\n",
}

# What has no line end at its end gets one from every client: else nobody could end the data.
AWKWARD = {
    name: sent if sent.endswith(b"\r\n") or not sent else sent + b"\r\n" for name, sent in _NAMED.items()
}
"""Awkward messages by what is awkward in them."""


def messages() -> st.SearchStrategy[bytes]:
    """Messages of all shapes, wrong ones among them; up to some hundred KB, mostly small."""
    return st.one_of(_lines(), st.builds(lambda header, body: header + b"\r\n" + body, _headers(), _bodies()))


_LINE = st.one_of(
    st.binary(max_size=120).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b"")),
    st.sampled_from(
        [b"", b".", b"..", b". ", b".x", b" ", b"\t", b"--edge", b"--edge--", b"\0", b"=", b"--", b"x: y"]
    ),
    st.builds(
        lambda byte, size: byte * size, st.sampled_from([b".", b"x", b"\xff", b"\0"]), st.integers(0, 100_000)
    ),
)


def _lines() -> st.SearchStrategy[bytes]:
    return st.lists(_LINE, max_size=12).map(lambda lines: b"".join(line + b"\r\n" for line in lines))


_NAMES = (
    b"Subject",
    b"From",
    b"To",
    b"Message-ID",
    b"MIME-Version",
    b"X-Any",
    b"Content-Type",
    b"Content-Transfer-Encoding",
)
_VALUES = (
    b"",
    b"text/plain",
    b"text/html; charset=utf-8",
    b'multipart/mixed; boundary="edge"',
    b"multipart/alternative; boundary=edge",
    b"multipart/mixed",
    b"message/rfc822",
    b"base64",
    b"quoted-printable",
    b"8bit",
    b"=?utf-8?b?R3LDvMOfZQ==?=",
    b"folded\r\n more",
    b"<id@client.example>",
)


def _headers() -> st.SearchStrategy[bytes]:
    field = st.builds(
        lambda name, value: b"%b: %b\r\n" % (name, value), st.sampled_from(_NAMES), st.sampled_from(_VALUES)
    )
    return st.lists(field, max_size=8).map(b"".join)


def _bodies() -> st.SearchStrategy[bytes]:
    part = st.builds(lambda header, lines: b"--edge\r\n" + header + b"\r\n" + lines, _headers(), _lines())
    encoded = st.binary(max_size=3000).map(
        lambda content: base64.encodebytes(content).replace(b"\n", b"\r\n")
    )
    leaf = st.one_of(_lines(), encoded)
    return st.recursive(
        leaf, lambda inner: st.lists(st.one_of(part, inner), max_size=4).map(b"".join), max_leaves=6
    )
