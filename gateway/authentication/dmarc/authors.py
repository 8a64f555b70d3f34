"""Whose name a message shows: the domains of its From, as far as anybody could read them.

Whatever a mail program may take for an address counts: who writes several hopes that we judge another one
than the recipient sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.authentication.header import Header
from gateway.authentication.names import plain_domain
from gateway.authentication.structured import is_quoted, tokens

MOST_DOMAINS = 8
"""Domains of one message that are judged. Mail of several authors is rare already."""

_PART = re.compile(r"<[^<>]*>|[^<,;]+|<")
_NAME_OF_GROUP = re.compile(r"^[^<@]*:")
_ROUTE = re.compile(r"^\s*@[^:]*:")
_DOMAIN = re.compile(r"@\s*([\w.-]+)")


class TooManyAuthors(Exception):
    """A message shows more domains than anybody judges."""


def author_domains(header: Header) -> tuple[str, ...]:
    """The domains that the message shows as its authors', each once. Raises `TooManyAuthors`."""
    found: dict[str, None] = {}
    for field in header.named("From"):
        for written in _domains(header.value(field)):
            if domain := plain_domain(written):
                found[domain] = None
            if len(found) > MOST_DOMAINS:
                raise TooManyAuthors(f"From shows more than {MOST_DOMAINS} domains")
    return tuple(found)


def _domains(value: bytes) -> Iterator[str]:
    # What is quoted is a name or a local part: neither has a say in the domain.
    text = "".join("_" if is_quoted(token) else token for token in tokens(value))
    # White space around the dots of a domain is still allowed (RFC 5322 §4.4).
    text = ".".join(part.strip() for part in text.split("."))
    for mailbox in _mailboxes(text):
        angled = [
            _ROUTE.sub("", part[1:-1]) for part in mailbox if part.startswith("<") and part.endswith(">")
        ]
        for address in angled or [_NAME_OF_GROUP.sub("", "".join(mailbox))]:
            yield from _DOMAIN.findall(address)


def _mailboxes(text: str) -> list[list[str]]:
    """The parts of each mailbox: commas and semicolons end one, but not between angle brackets."""
    mailboxes: list[list[str]] = []
    end = -1
    for found in _PART.finditer(text):
        if found.start() != end or not mailboxes:
            mailboxes.append([])
        mailboxes[-1].append(found[0])
        end = found.end()
    return mailboxes
