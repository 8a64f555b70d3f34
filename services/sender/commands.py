"""The commands of a transaction, with the parameters that a host knows of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.domain.mail import Envelope, Recipient

Extensions = Mapping[str, str]
"""What a host offered in its answer to EHLO or LHLO: keywords in upper case, and their arguments."""


def extensions_of(lines: Iterable[str]) -> Extensions:
    """The extensions that the lines behind the first one name (RFC 5321 §4.1.1.1)."""
    words = (line.partition(" ") for line in lines)
    return {keyword.upper(): arguments.strip() for keyword, _, arguments in words}


def greeting(verb: str, hostname: str) -> bytes:
    """EHLO, HELO or LHLO."""
    return _command([verb, hostname])


def mail_from(envelope: Envelope, extensions: Extensions, size: int, *, eight_bit: bool, utf8: bool) -> bytes:
    """MAIL FROM. Raises `ValueError` for an address that would end the line."""
    words = [f"MAIL FROM:<{envelope.sender}>"]
    if "SIZE" in extensions:
        words.append(f"SIZE={size}")
    if eight_bit and "8BITMIME" in extensions:
        words.append("BODY=8BITMIME")
    if utf8:
        words.append("SMTPUTF8")
    if "DSN" in extensions:
        if envelope.returns:
            words.append(f"RET={envelope.returns}")
        if envelope.envelope_id:
            words.append(f"ENVID={envelope.envelope_id}")
    return _command(words)


def rcpt_to(to: Recipient, extensions: Extensions) -> bytes:
    """RCPT TO. Raises `ValueError` for an address that would end the line."""
    words = [f"RCPT TO:<{to.address}>"]
    if "DSN" in extensions:
        if to.notify:
            words.append(f"NOTIFY={','.join(to.notify)}")
        if to.original:
            words.append(f"ORCPT={to.original}")
    return _command(words)


def _command(words: list[str]) -> bytes:
    line = " ".join(words)
    if "\r" in line or "\n" in line:
        raise ValueError("an address or parameter holds a line end: it would be read as a command")
    return line.encode() + b"\r\n"
