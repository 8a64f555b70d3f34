"""Signs in From, To and Reply-To."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.domain.address import matches_any
from gateway.domain.journey import Finding
from services.antispam.database.tables import is_in
from services.antispam.randomness import looks_random, mixes_digits
from services.antispam.view import Mailbox, View

ADDRESS = re.compile(r"[\w.+-]{1,64}@((?:[\w-]{1,63}\.)+[a-z]{2,24})", re.IGNORECASE)
"""An address that stands among words; its group is the domain."""

_DOMAIN = re.compile(r"(?!-)[\w-]{1,63}(?:\.[\w-]{1,63})+", re.ASCII)
_LOCAL = re.compile(r"[^\s@<>\"(),;:\\\[\]\x00-\x1f]{1,64}|\"[^\"]{0,62}\"")
_ORNAMENTS = re.compile(r"[#*_~|<>=\[\]{}^$!]{2,}|^[#*_~|.,;:]|[#*_~|,;]$|[,.]_")
_PICTURES = re.compile("[\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")
_PARTED = re.compile(r"[-_+=.]")
_OFFERS = re.compile(
    r"(?:^|-)(?:rewards?|offers?|prizes?|gifts?|winn(?:er|ing)|sweeps|promo|savings?|cash(?!m)|bonus|loans?|debt"
    r"|mortgage|casino|cheap|discount|bargain)"
    r"|(?:rewards?|offers?|(?<!i)deals|prizes?|gifts?|winners?|savings?|cash|bonus|(?<!s)loans?|debt|mortgages?"
    r"|casino|pills|diet|discounts?|bargains?)(?:$|[-\d])"
)
"""What a domain begins or ends with that was registered to be clicked on."""

_NOBODY = re.compile(r"undisclosed|recipient[s ]*(?:list|not shown)|:\s*;", re.IGNORECASE)

LONGEST_FIRST_NAME = 7
"""Letters in front of an @ that may be a first name, which others have too."""

MOST_SHOWN = 25
"""Recipients that a person names; whoever shows more sends in bulk."""


def addresses(view: View) -> Iterator[Finding]:
    """Findings about who is shown as author and as recipients."""
    yield from _author(view)
    yield from _name(view)
    yield from _recipients(view)
    yield from _answers(view)


def is_decorated(name: str) -> bool:
    """Whether signs or pictures stand in a name to be seen."""
    return bool(_ORNAMENTS.search(name) or _PICTURES.search(name))


def made_by_chance(author: Mailbox) -> bool:
    """Whether an address, or the domain that it is of, looks made by dice."""
    if _has_random_domain(author):
        return True
    return not _PARTED.search(author.local) and (looks_random(author.local) or mixes_digits(author.local))


def _has_random_domain(author: Mailbox) -> bool:
    return any(map(looks_random, author.label.split("-"))) or mixes_digits(author.label)


def _author(view: View) -> Iterator[Finding]:
    author = view.author
    if not view.has("from"):
        yield Finding("from.missing", "there is no From")
        return
    if not (_DOMAIN.fullmatch(author.domain) and _LOCAL.fullmatch(author.local)) and author.domain.isascii():
        yield Finding("from.invalid", f"From holds no valid address: {view.value('from')[:80]!r}")
        return
    if view.value("from").count("@") > 2 or view.count("from") > 1:
        yield Finding("from.several", "From holds more than one address")
    if view.bulk or _PARTED.search(author.local):
        pass  # who sends to many often names each message in its address
    elif looks_random(author.local):
        yield Finding("from.random", f"{author.local!r} in From looks made by chance")
    elif mixes_digits(author.local):
        yield Finding("from.digits", f"{author.local!r} in From mixes digits and letters")
    if _has_random_domain(author):
        yield Finding("from.random_domain", f"the author's domain {author.organisation} looks made by chance")
    if _OFFERS.search(author.label) and not is_in(author.domain, view.tables.houses):
        yield Finding("from.offer_domain", f"the author's domain {author.organisation} promises something")
    if is_in(author.domain, view.tables.disposable):
        yield Finding("from.disposable", f"mailboxes of {author.domain} are thrown away after minutes")
    if view.tables.abuse_of(author.domain) > 1:
        yield Finding(
            "from.cheap_domain", f"the author's domain {author.organisation} is of a kind that costs nothing"
        )


def _name(view: View) -> Iterator[Finding]:
    author = view.author
    shown = ADDRESS.search(author.name)
    if shown and author.domain and not shown[1].lower().endswith(author.organisation):
        yield Finding("from.other_address", f"From shows {shown[0]!r} as the name of {author.address!r}")
    if _ORNAMENTS.search(author.name):
        yield Finding("from.ornaments", f"the author's name is decorated: {author.name[:60]!r}")
    if _PICTURES.search(author.name):
        yield Finding("from.pictures", f"the author's name holds pictures: {author.name[:60]!r}")
    if author.name.casefold() == author.address and not (view.discussion or view.replies):
        yield Finding("from.name_is_address", "the author has no name but the address")
    alone = view.recipients == (author.address,) and not (
        view.discussion or any(map(view.is_own, view.destinations))
    )
    if author.address and alone and not view.facts.authenticated_as(author.domain):
        yield Finding("from.recipient", "From shows the recipient as the author")
    for address in () if view.discussion else view.recipients[:4]:
        local, _, domain = address.partition("@")
        name = author.name.casefold()
        # Anna gets mail of Joanna, and of another Anna: short words say nothing.
        told = len(local) > LONGEST_FIRST_NAME and re.search(rf"\b{re.escape(local)}\b", name)
        if author.address != address and (told or domain in name):
            yield Finding(
                "from.named_recipient", f"the author is named after the recipient: {author.name[:60]!r}"
            )
            break


def _recipients(view: View) -> Iterator[Finding]:
    to = view.value("to")
    if not view.has("to") and not view.has("cc"):
        yield Finding("to.missing", "there is no To")
    elif _NOBODY.search(to) and not view.recipients:
        yield Finding("to.undisclosed", "the recipients are not disclosed")
    elif to and not view.recipients and "@" not in to:
        yield Finding("to.invalid", f"To holds no address: {to[:60]!r}")
    elif not to.strip() and view.has("to"):
        yield Finding("to.empty", "To is empty")
    if view.tables.abuse_of(view.posting) > 1:
        yield Finding(
            "list.cheap_domain", f"a list of {view.posting}, of a kind that costs nothing, sent it on"
        )
    if len(view.recipients) > MOST_SHOWN and not view.discussion:
        yield Finding("to.many", f"{len(view.recipients)} recipients are shown")
    ours = view.facts.our_domains
    if len(view.recipients) > 4 and not view.threaded and ours:
        strangers = [each for each in view.recipients if not matches_any(ours, each.rpartition("@")[2])]
        if len(strangers) == len(view.recipients):
            yield Finding("to.strangers", "no recipient that is shown is ours")


def _answers(view: View) -> Iterator[Finding]:
    answers, author = view.reply_to, view.author
    if not answers.domain or answers.address == author.address or view.discussion:
        return
    if answers.free and answers.organisation != author.organisation:
        yield Finding("reply_to.freemail", f"answers to {author.address} would go to {answers.address}")
    elif answers.free and author.free:
        yield Finding("reply_to.other_freemail", f"answers to {author.address} would go to {answers.address}")
    elif answers.organisation not in view.senders:
        yield Finding("reply_to.elsewhere", f"answers would go to another domain, {answers.domain}")
