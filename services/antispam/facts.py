"""What the checks are told besides the message, looked up once for all of them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.authentication import Authentication


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the content database, and the category that it speaks for."""

    text: str
    category: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that checks know of a message and its sender without asking anybody."""

    terms: tuple[Term, ...] = ()  # found in the message, each once
    authentication: Authentication | None = None  # None: not asked who sent it
    client_ip: str = ""
    helo: str = ""
    sender: str = ""  # of the envelope; "" is the null sender
    our_domains: tuple[str, ...] = ()  # masks of the domains that we protect
    listed_by: tuple[str, ...] = ()  # block lists that hold the client's address
    listed_links: tuple[tuple[str, str], ...] = ()  # domain of a link, and the block list that holds it
