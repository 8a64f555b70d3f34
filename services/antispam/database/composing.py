"""From a written text to a complete message, in one of the shapes that real senders give to theirs.

Pure and deterministic: the same text and seed give the same bytes. Good and bad mail get the same shapes,
only not equally often, so that what is learnt from them is not the composer's hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from types import MappingProxyType

from services.antispam.database import layouts, programs, senders, shapes
from services.antispam.database.senders import Sender
from services.antispam.database.written import Written, fill

_FIRST_DAY = datetime(2018, 1, 8, 7, 0, tzinfo=UTC)
_DAYS = 3000


class Style(StrEnum):
    """How mail of a kind is sent, roughly."""

    BULK = "bulk"  # to many, by a house that does so for others
    NOTE = "note"  # to one, by a program
    PERSON = "person"  # by a person, with a mail program
    LIST = "list"  # by a person, through a mailing list
    ROBOT = "robot"  # by a machine, without a form
    AWAY = "away"  # by a mailbox whose owner is away


STYLES: Mapping[str, tuple[Style, ...]] = MappingProxyType(
    {
        # good mail, by kind
        "newsletter": (Style.BULK,),
        "news": (Style.BULK,),
        "event": (Style.BULK, Style.BULK, Style.PERSON),
        "survey": (Style.BULK, Style.NOTE),
        "order": (Style.NOTE,),
        "invoice": (Style.NOTE, Style.NOTE, Style.PERSON),
        "shipping": (Style.NOTE,),
        "code": (Style.NOTE,),
        "reset": (Style.NOTE,),
        "bank": (Style.NOTE,),
        "reminder": (Style.NOTE,),
        "ticket": (Style.NOTE,),
        "social": (Style.NOTE,),
        "support": (Style.NOTE,),
        "letter": (Style.PERSON, Style.BULK),
        "application": (Style.PERSON, Style.NOTE),
        "business": (Style.PERSON,),
        "personal": (Style.PERSON,),
        "reply": (Style.PERSON,),
        "invite": (Style.PERSON, Style.NOTE),
        "list": (Style.LIST,),
        "cron": (Style.ROBOT,),
        "away": (Style.AWAY,),
        # bad mail, by category
        "inheritance": (Style.PERSON,),
        "advance-fee": (Style.PERSON,),
        "loan-fraud": (Style.PERSON,),
        "lottery": (Style.PERSON, Style.BULK),
        "charity": (Style.PERSON,),
        "romance": (Style.PERSON,),
        "recovery": (Style.PERSON,),
        "extortion": (Style.PERSON,),
        "business-fraud": (Style.PERSON, Style.PERSON, Style.NOTE),
        "job-fraud": (Style.PERSON, Style.BULK),
        "malware": (Style.PERSON, Style.NOTE),
        "seo": (Style.PERSON, Style.PERSON, Style.BULK),
        "mailing": (Style.PERSON, Style.BULK),
        "manufacturers": (Style.PERSON, Style.PERSON, Style.BULK),
        "publishing": (Style.PERSON, Style.BULK),
        "network-marketing": (Style.PERSON, Style.BULK),
        "chain-letter": (Style.PERSON,),
        "account-fraud": (Style.NOTE,),
        "bank-fraud": (Style.NOTE,),
        "parcel-fraud": (Style.NOTE,),
        "tax-fraud": (Style.NOTE,),
        "subscription-fraud": (Style.NOTE,),
        "phishing": (Style.NOTE, Style.PERSON),
        "tech-support": (Style.NOTE, Style.PERSON),
    }
)
"""How mail of a kind is sent; kinds that are not named here go to many."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A complete message, and what its receiver would know of who sent it."""

    text: Written  # as filled in
    body: bytes  # with CRLF
    client_ip: str
    helo: str
    sender: str  # of the envelope
    recipient: str
    spf: str  # results as RFC 8601 names them
    dkim: str
    dmarc: str


def compose(text: Written, words: Mapping[str, Mapping[str, tuple[str, ...]]], seed: int) -> Composed:
    """The text as a message; `seed` chooses among the shapes that its kind is sent in."""
    random = Random(f"{text.name} {seed}")  # noqa: S311 - it chooses shapes
    style = random.choice(STYLES.get(text.kind, (Style.BULK,)))
    known = {**words["any"], **words.get(text.language, words["en"])}
    sender = senders.choose(text, style.value, known, random)
    mailbox = shapes.mailbox_of(random)
    filled = fill(text, _with_facts(words, sender, mailbox), random)
    sender = senders.named(sender, filled.author, random)

    when = _FIRST_DAY + timedelta(days=random.randrange(_DAYS), seconds=random.randrange(50_000))
    content = layouts.lay_out(filled, style.value, sender, known, mailbox, random)
    head = programs.header(filled, style.value, sender, mailbox, when, random)
    body = shapes.message(head, content, text.language, sender.crude, random)
    return Composed(
        filled,
        body,
        sender.client_ip,
        sender.helo,
        sender.envelope,
        mailbox,
        sender.spf,
        sender.dkim,
        sender.dmarc,
    )


def _with_facts(
    words: Mapping[str, Mapping[str, tuple[str, ...]]], sender: Sender, mailbox: str
) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    facts = {
        "domain": (sender.domain,),
        "mailbox": (mailbox,),
        "local": (mailbox.partition("@")[0],),
        "theirs": (mailbox.partition("@")[2],),
        "link": sender.links,
    }
    return {**words, "any": {**words["any"], **facts}}
