"""The header of a message as it passes: what the receiver reads in it, and the field it adds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from gateway.domain.headers import decode_words
from gateway.domain.mail import LONGEST_SUBJECT, Mail

_LONGEST_MESSAGE_ID = 998  # a line (RFC 5322 §2.1.1)
_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID = re.compile(rb"^message-id[ \t]*:((?:[^\n]|\n(?=[ \t]))*)", re.IGNORECASE | re.MULTILINE)
_SUBJECT = re.compile(rb"^subject[ \t]*:((?:[^\n]|\n(?=[ \t]))*)", re.IGNORECASE | re.MULTILINE)
_MOST_SUBJECT_BYTES = 1 << 11  # of what is read for the characters that are kept
_NOT_IN_HOST_NAME = re.compile(r"[^A-Za-z0-9._:\[\]-]")


@dataclass(frozen=True, slots=True)
class HeaderLook:
    """What the receiver wants to know of a header."""

    message_id: str
    subject: str
    hops: int  # servers that the message passed before


def look(header: bytes) -> HeaderLook:
    """Read a whole header."""
    found = _MESSAGE_ID.search(header)
    message_id = decode_words(found[1].strip()) if found else ""
    titled = _SUBJECT.search(header)
    subject = " ".join(decode_words(titled[1][:_MOST_SUBJECT_BYTES].strip()).split()) if titled else ""
    return HeaderLook(
        message_id[:_LONGEST_MESSAGE_ID], subject[:LONGEST_SUBJECT], len(_RECEIVED.findall(header))
    )


def received_field(mail: Mail, hostname: str) -> bytes:
    """The `Received` field of this hop (RFC 5321 §4.4).

    It names the recipient only when there is one: the others may not know of each other.
    """
    envelope = mail.envelope
    helo = _NOT_IN_HOST_NAME.sub("?", envelope.helo)
    only_one = len(envelope.recipients) == 1
    tls = f" ({envelope.tls})" if envelope.tls else ""
    clauses = (
        f"from {helo} ({_literal(envelope.client_ip)})",
        f"by {hostname} with {envelope.protocol}{tls} id {mail.id}",
        *([f"for <{envelope.recipients[0].address}>"] if only_one else []),
    )
    field = "\r\n\t".join(clauses)
    at = _date_time(envelope.received_at.replace(microsecond=0))
    return f"Received: {field};\r\n\t{at}\r\n".encode()


@lru_cache(maxsize=4)
def _date_time(second: datetime) -> str:
    return format_datetime(second)


def _literal(ip: str) -> str:
    return f"[IPv6:{ip}]" if ":" in ip else f"[{ip}]"
