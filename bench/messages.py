"""The messages that are sent: made from a seed, so that every run sends the same."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping

TRACK = b"X-Bench: "
"""The field that carries a message's number through the chain."""

_WORDS = tuple(
    """
    the of and to in a is that for it was on are as with his they at be this from have or by one had not
    but what all were when we there can an your which their said if do will each about how up out them
    order meeting report invoice project delivery question answer customer product weather holiday team
    """.split()
)


def message(number: int, kind: str) -> bytes:
    """Message `number` of that kind, with CRLF line ends and without the final dot."""
    dice = random.Random(f"{kind} {number}")
    return KINDS[kind](number, dice)


def _plain(number: int, dice: random.Random, low: int, high: int) -> bytes:
    body = _text(dice, dice.randint(low, high))
    return _header(number, b"text/plain; charset=utf-8") + body


def _html(number: int, dice: random.Random, low: int, high: int) -> bytes:
    size = dice.randint(low, high)
    text = _text(dice, size // 5)
    rows = b"".join(
        b'<tr><td style="padding:4px"><a href="https://www.shop.example/%d">%s</a></td></tr>\r\n'
        % (row, _text(dice, 120).replace(b"\r\n", b" "))
        for row in range(size // 240)
    )
    page = b"<html><body><table>\r\n" + rows + b"</table></body></html>\r\n"
    return _multipart(number, b"alternative", [_part(b"text/plain", text), _part(b"text/html", page)])


def _attached(number: int, dice: random.Random, low: int, high: int) -> bytes:
    content = dice.randbytes(dice.randint(low, high) * 3 // 4)
    encoded = base64.encodebytes(content).replace(b"\n", b"\r\n")
    attachment = (
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="figures.dat"\r\n\r\n' + encoded
    )
    return _multipart(number, b"mixed", [_part(b"text/plain", _text(dice, 2000)), attachment])


def _mix(number: int, dice: random.Random) -> bytes:
    """60 % small text, 25 % HTML, 10 % with 100-300 KB attached, 5 % with 1-2 MB attached."""
    share = dice.random()
    if share < 0.60:
        return _plain(number, dice, 2_000, 10_000)
    if share < 0.85:
        return _html(number, dice, 10_000, 48_000)
    if share < 0.95:
        return _attached(number, dice, 100_000, 300_000)
    return _attached(number, dice, 1_000_000, 2_000_000)


KINDS: Mapping[str, Callable[[int, random.Random], bytes]] = {
    "small": lambda number, dice: _plain(number, dice, 5_000, 5_000),
    "typical": lambda number, dice: _html(number, dice, 30_000, 30_000),
    "ten megabytes": lambda number, dice: _attached(number, dice, 10_000_000, 10_000_000),
    "large": lambda number, dice: _attached(number, dice, 1_000_000, 1_000_000),
    "mix": _mix,
}


def _header(number: int, content_type: bytes) -> bytes:
    return (
        TRACK + b"%d\r\n"
        b"From: Sender <sender@client.example>\r\nTo: Recipient <recipient@site.example>\r\n"
        b"Subject: Report %d\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\n"
        b"Message-ID: <%d.bench@client.example>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: %s\r\n\r\n" % (number, number, number, content_type)
    )


def _part(content_type: bytes, content: bytes) -> bytes:
    return b"Content-Type: " + content_type + b"; charset=utf-8\r\n\r\n" + content


def _multipart(number: int, subtype: bytes, parts: list[bytes]) -> bytes:
    boundary = b"=_bench_%d" % number
    header = _header(number, b'multipart/%s; boundary="%s"' % (subtype, boundary))
    return (
        header + b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary
    )


def _text(dice: random.Random, size: int) -> bytes:
    lines: list[str] = []
    length = 0
    while length < size:
        line = " ".join(dice.choices(_WORDS, k=12))
        lines.append(line)
        length += len(line) + 2
    return ("\r\n".join(lines) + "\r\n").encode()
