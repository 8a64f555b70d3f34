"""What the checks are told besides the message, looked up once for all of them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.authentication import Authentication, Result


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the content database, and the category that it speaks for."""

    text: str
    category: str  # its name
    weight: float = 1.0  # how strongly it speaks, from 0.1 to 3
    counts: bool = True  # what speaks for the category speaks for spam


@dataclass(frozen=True, slots=True)
class Resemblance:
    """A text that is known, and how much of it this message shares."""

    sample: str  # what it is called
    category: str  # its name; "" if it has none
    likeness: float  # 0 to 1: the share of rows of three words that both have, as estimated


@dataclass(frozen=True, slots=True)
class Wording:
    """What experience says of the words of a message."""

    score: float  # what they add together
    told: tuple[tuple[str, float], ...]  # those that weigh most, and what each adds; in a Subject with `:`


@dataclass(frozen=True, slots=True)
class Taught:
    """What the lessons of operators say of a message."""

    spam: str = ""  # the lesson about spam that it resembles most, "" for none
    spam_likeness: float = 0.0
    good: str = ""  # the same of good mail
    good_likeness: float = 0.0
    leaning: float = 0.0  # how its words lean: -1 is good, 1 is spam


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that checks know of a message and its sender without asking anybody."""

    terms: tuple[Term, ...] = ()  # found in the message, each once
    words: int = 0  # how many the message has, as the database counts them
    wording: Wording | None = None  # None: no word is known
    resemblances: tuple[Resemblance, ...] = ()  # to samples of spam, the greatest first
    taught: Taught | None = None  # None: no lesson says anything
    authentication: Authentication | None = None  # None: not asked who sent it
    client_ip: str = ""
    helo: str = ""
    sender: str = ""  # of the envelope; "" is the null sender
    our_domains: tuple[str, ...] = ()  # masks of the domains that we protect
    listed_by: tuple[str, ...] = ()  # block lists that hold the client's address
    listed_links: tuple[tuple[str, str], ...] = ()  # domain of a link, and the block list that holds it

    def authenticated_as(self, domain: str) -> bool:
        """Whether DMARC says that the message is of that domain; False when nobody asked."""
        dmarc = self.authentication.dmarc if self.authentication else None
        return dmarc is not None and dmarc.result is Result.PASS and dmarc.domain == domain
