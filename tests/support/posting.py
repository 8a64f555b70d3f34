"""Sending one message as a mail client does, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.support.smtp_client import connected

_ADDED = (b"received", b"authentication-results", b"x-spamtest-", b"x-anti-virus")


async def post(
    port: int,
    message: bytes,
    to: Sequence[str],
    *,
    sender: str = "from@client.example",
    eight_bit: bool = True,
) -> str:
    """Send a message; the reply to its end, or the first that refuses it. Lines must end with CRLF.

    "" when the server says nothing any more.
    """
    commands = [f"MAIL FROM:<{sender}>{' BODY=8BITMIME' if eight_bit else ''}"]
    commands += [f"RCPT TO:<{address}>" for address in to]
    async with connected(port) as client:
        reply = await client.reply()
        for command in ("EHLO client.example", *commands, "DATA"):
            if reply[:1] not in ("2", "3"):
                return reply
            reply = await client.say(command)
        if reply[:1] != "3":
            return reply
        await client.send(stuffed(message) + b".\r\n")
        return await client.reply()


def stuffed(message: bytes) -> bytes:
    """The message with dots before dots at the beginning of lines (RFC 5321 §4.5.2)."""
    return (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]


def added_on_top(arrived: bytes, sent: bytes) -> dict[bytes, bytes]:
    """The header fields that the gateway added; fails when anything else of the message is different."""
    assert arrived.endswith(sent)
    top = arrived[: len(arrived) - len(sent)]
    fields = re.findall(rb"([!-9;-~]+):((?:[^\r\n]|\r\n[ \t])*)\r\n", top)
    assert b"".join(b"%b:%b\r\n" % field for field in fields) == top
    assert all(name.lower().startswith(_ADDED) for name, _ in fields)
    return dict(fields)
