"""A message and what is known of its sender, with what follows from both: computed once, when first asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from gateway.authentication.dmarc.record import organisation_of
from gateway.domain.authentication import Result
from gateway.domain.headers import Field, raw_value, text_value
from services.antispam.database.database import Database
from services.antispam.database.tables import Brand, Tables, entry_of, is_in
from services.antispam.facts import Facts
from services.antispam.houses import feigned, is_of
from services.antispam.message import Link, Message, Source

LONGEST_VALUE = 4096
"""Characters of a header value that are looked at."""

MOST_VALUES = 64
"""Fields of one name that are looked at."""

MOST_VISITED = 512
"""Links that are compared with the sender: real mail rarely has a hundred."""

SHORTEST_NAME = 4
"""Letters of a name that is not met under other top-level domains by chance."""

BEHIND_SCHEME = len("https:")
"""Where no colon stands in an address that has neither a port nor another address in it."""

FEW_LETTERS = 80
"""A text of fewer letters says nothing by itself."""

MOST_LETTERS = 4 * FEW_LETTERS
"""Of more, nobody asks how many."""

LONGEST_LOOK = 4000
"""Characters in which letters are looked for."""

_BOUNCES = "microsoftexchange"

_FORWARDED = re.compile(
    r"(?:fwd?|wg|tr|rv|enc|doorst|pd|vb|vl|i|ilt|пересл|转发|轉寄|転送)\s{0,3}[:：]", re.IGNORECASE
)
_NUMBERS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_PORT = re.compile(r"https?://[^/?#]*:(\d{1,5})(?:[/?#]|$)", re.IGNORECASE)
_ANSWERS = re.compile(
    r"(?:\[[^\]]{1,60}\]\s*)*"
    r"(?:re|aw|sv|antw|odp|rif|ref|ynt|vs|r|re[ \^]?\d|回复|答复|返信|回覆|答)(?:\[\d+\])?\s{0,3}[:：]",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"<([^<>]{0,320})>")
_BARE = re.compile(r"[^\s<>,;\"()]{1,64}@[^\s<>,;\"()@]{1,255}")
_POSTING = re.compile(r"mailto:[^@<>\s]{1,128}@([\w.-]{1,253})", re.IGNORECASE)
_SIGNED_BY = re.compile(r"(?:^|;)\s*d\s*=\s*([A-Za-z0-9._-]{1,253})")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address of a header field, as it is shown."""

    name: str = ""  # what a person reads
    local: str = ""
    domain: str = ""  # lower case
    organisation: str = ""  # the registered domain above
    free: bool = False  # anybody can have an address of that domain

    @property
    def label(self) -> str:
        """The registered domain without what stands behind it; "" where anybody can have an address."""
        return "" if self.free else self.organisation.partition(".")[0]

    @property
    def address(self) -> str:
        """The address, lower case; "" when there is none."""
        return f"{self.local}@{self.domain}".lower() if self.domain else self.local.lower()


class View:
    """What a check is shown."""

    def __init__(self, message: Message, facts: Facts, database: Database) -> None:
        self.message = message
        self.facts = facts
        self.tables = database.tables
        self._motifs = database.motifs

    @cached_property
    def _fields(self) -> Mapping[str, list[Field]]:
        by_name: dict[str, list[Field]] = {}
        for field in self.message.fields:
            by_name.setdefault(field.name.lower(), []).append(field)
        return by_name

    def has(self, name: str) -> bool:
        """Whether there is a field of that name, which is written in lower case."""
        return name in self._fields

    def count(self, name: str) -> int:
        """How many fields of that name there are."""
        return len(self._fields.get(name, ()))

    def values(self, name: str, most: int = MOST_VALUES) -> tuple[str, ...]:
        """The values of the first fields of that name, as a person reads them."""
        found = self._fields.get(name, ())
        return tuple(text_value(self.message.head, field)[:LONGEST_VALUE] for field in found[:most])

    def value(self, name: str) -> str:
        """The first of `values`, or ""."""
        found = self._fields.get(name)
        return text_value(self.message.head, found[0])[:LONGEST_VALUE] if found else ""

    def raw(self, name: str) -> bytes:
        """The first value of that name as it is written, or b""."""
        found = self._fields.get(name)
        return raw_value(self.message.head, found[0])[:LONGEST_VALUE] if found else b""

    @cached_property
    def subject(self) -> str:
        """The Subject; "" when there is none."""
        return self.message.subjects[0].strip() if self.message.subjects else ""

    @cached_property
    def author(self) -> Mailbox:
        """Who is shown as the author."""
        return read_mailbox(self.value("from"), self.tables)

    @cached_property
    def reply_to(self) -> Mailbox:
        """Where answers would go; empty when nothing is said of that."""
        return read_mailbox(self.value("reply-to"), self.tables)

    @cached_property
    def recipients(self) -> tuple[str, ...]:
        """The addresses in To and Cc, lower case, each once."""
        shown = (*self.values("to"), *self.values("cc"))
        return tuple(dict.fromkeys(found.lower() for value in shown for found in _BARE.findall(value)))

    @cached_property
    def signers(self) -> tuple[str, ...]:
        """Organisations whose signatures (RFC 6376) the message has, whether or not they were looked up."""
        proof = self.facts.authentication
        if proof and proof.dkim is not None:
            domains = [each.domain for each in proof.dkim if each.result is Result.PASS]
        else:
            written = (_SIGNED_BY.search(value) for value in self.values("dkim-signature"))
            domains = [found[1] for found in written if found]
        return tuple(dict.fromkeys(organisation_of(domain.lower()) for domain in domains))

    @cached_property
    def envelope_organisation(self) -> str:
        """The registered domain of the envelope's sender; "" for the null sender."""
        _, _, domain = self.facts.sender.rpartition("@")
        return organisation_of(domain.lower()) if domain else ""

    @cached_property
    def senders(self) -> frozenset[str]:
        """All organisations that take part in sending: author, signers, envelope."""
        found = {self.author.organisation, self.envelope_organisation, *self.signers}
        return frozenset(found - {""})

    @cached_property
    def visited(self) -> tuple[Link, ...]:
        """Links that a person could follow."""
        shown = (link for link in self.message.links if link.source is not Source.IMAGE and not link.hidden)
        return tuple(islice(shown, MOST_VISITED))

    @cached_property
    def letters(self) -> int:
        """How many letters there are to read, counted as far as they are few."""
        letters = filter(str.isalpha, self.message.text[:LONGEST_LOOK])
        return sum(1 for _ in islice(letters, MOST_LETTERS))

    @property
    def says_little(self) -> bool:
        """Whether its text is too short to say something by itself."""
        return self.letters < FEW_LETTERS

    @cached_property
    def nameless(self) -> bool:
        """Whether a link leads to an address without a name, or past the ports of the web."""
        if any(map(is_bare_address, {link.host for link in self.visited})):
            return True
        return any(odd_port(link.url) for link in self.visited if ":" in link.url[BEHIND_SCHEME:])

    @cached_property
    def destinations(self) -> tuple[str, ...]:
        """The registered domains that the message would have a person visit, each once."""
        return tuple(dict.fromkeys(link.domain for link in self.visited if link.domain))

    @cached_property
    def motifs(self) -> Mapping[str, tuple[str, ...]]:
        """What is told, by motif: the phrases that were found."""
        return self._motifs.found_in(self.message.words)

    @cached_property
    def feigned(self) -> Brand | None:
        """The well-known house that the author is called after and is not of."""
        author = self.author
        if author.local.lower().startswith(_BOUNCES):
            return None  # mail servers of that house sign with its name wherever they stand
        return feigned(author.name, author.domain, author.organisation, self.tables)

    def is_of(self, brand: Brand) -> bool:
        """Whether the author belongs to that house."""
        return is_of(brand, self.author.domain, self.author.organisation, self.tables)

    @cached_property
    def known(self) -> bool:
        """Whether a well-known house is proven to have sent it."""
        domain = self.author.domain
        return self.facts.authenticated_as(domain) and is_in(domain, self.tables.houses)

    @cached_property
    def house(self) -> str:
        """The registered domain that stands for its author alone: "" where anybody may have a place."""
        author = self.author
        return "" if author.free or entry_of(author.domain, self.tables.hosting) else author.organisation

    @cached_property
    def standing(self) -> str:
        """The house, if what is its speaks for the author: "" beside a feigned name or a bare address."""
        feigns = self.feigned is not None and not self.feigned.common
        return "" if feigns or self.nameless else self.house

    @cached_property
    def related(self) -> bool:
        """Whether something in it belongs to its author: a link to the own domain, or a conversation."""
        if self.discussion or self.replies or self.known:
            return True
        return bool(self.standing) and any(map(self.is_own, self.destinations))

    def is_own(self, domain: str) -> bool:
        """Whether a domain is the author's: the same name, perhaps under another top-level domain."""
        if not self.house or not domain:
            return False
        label = self.house.partition(".")[0]
        return domain == self.house or (len(label) >= SHORTEST_NAME and domain.partition(".")[0] == label)

    @cached_property
    def bulk(self) -> bool:
        """Whether the message says of itself that many got it."""
        if any(self.has(name) for name in ("list-id", "list-unsubscribe", "feedback-id", "list-post")):
            return True
        return self.value("precedence").lower() in {"bulk", "list", "junk"}

    @cached_property
    def posting(self) -> str:
        """The domain of the address that members of its list write to (RFC 2369 §3.4); "" for none."""
        found = _POSTING.search(self.value("list-post"))
        return found[1].lower() if found else ""

    @cached_property
    def discussion(self) -> bool:
        """Whether a mailing list for people who write to each other passed it on.

        Whoever pays nothing for a domain makes as many lists on it, with as many members, as they like.
        """
        if self.tables.abuse_of(self.posting) > 1:
            return False
        return bool(self.posting) or (self.has("list-id") and self.threaded)

    @cached_property
    def replies(self) -> bool:
        """Whether it says that it answers another message, in its Subject too."""
        return self.threaded and _ANSWERS.match(self.subject) is not None

    @cached_property
    def threaded(self) -> bool:
        """Whether it names another message as the one before it."""
        return self.has("in-reply-to") or self.has("references")

    @cached_property
    def forwards(self) -> bool:
        """Whether its Subject says that it passes on another message."""
        return _FORWARDED.match(self.subject) is not None


def is_bare_address(host: str) -> bool:
    """Whether a host is an IP address, of version 4 or 6."""
    return ":" in host or _NUMBERS.fullmatch(host) is not None


def is_in_figures(host: str) -> bool:
    """Whether what a host calls itself is figures alone, in brackets or not: `[192.0.2.7]`, `12345`."""
    return host.strip("[]").replace(".", "").isdigit()


def odd_port(url: str) -> str:
    """The port of an address, if it is not one of the web; "" otherwise."""
    found = _PORT.match(url)
    return found[1] if found and found[1] not in {"80", "443"} else ""


def read_mailbox(value: str, tables: Tables) -> Mailbox:
    """The first mailbox of an address field, however it is malformed."""
    named = _ADDRESS.findall(value)
    # The last pair of brackets holds the address: those before it are part of what is shown as a name.
    address = named[-1].strip() if named else ""
    if not named and (bare := _BARE.search(value)):
        address = bare[0]
    name = value[: value.rfind("<")] if named else value.replace(address, "", 1)
    local, at, domain = address.rpartition("@")
    domain = domain.strip(". ").lower()
    return Mailbox(
        " ".join(name.replace('"', " ").replace("\\", "").split()).strip("() "),
        local if at else address,
        domain if at else "",
        organisation_of(domain) if at and domain else "",
        bool(at) and is_in(domain, tables.freemail),
    )
