"""Signs in the links: where they lead, and whether that is what they show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from gateway.authentication.dmarc.record import organisation_of
from gateway.domain.journey import Finding
from services.antispam.database.tables import Tables, is_in
from services.antispam.hosts import Use, use_of
from services.antispam.message import Link, Source
from services.antispam.randomness import looks_random, mixes_digits
from services.antispam.view import BEHIND_SCHEME, View, is_bare_address, odd_port

_SHOWN = re.compile(
    r"\s*(?:https?://|www\.)?((?:[\w-]{1,63}\.)+[a-z]{2,24})(?:[/?:].*)?\s*",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_CREDENTIALS = re.compile(r"https?://[^/?#@]*@", re.IGNORECASE)
_INNER = re.compile(r"(?:[?&/=#]|%3d)(?:https?(?::|%3a)(?:/|%2f){2})", re.IGNORECASE)
_ADDRESS = re.compile(r"[?&#/=][^?&#/=]{1,64}(?:@|%40)[\w-]+\.[\w.-]+")
_REDIRECTING = re.compile(
    r"/(?:url|amp/s?|ck/a|aclk|l\.php|redir(?:ect)?|flx/warn|link|rd|cread)\b|/u/0/|/travel/", re.IGNORECASE
)

_OF_MAILBOXES = re.compile(r"@[\w.]{1,64}\.prod\.(?:outlook|exchangelabs)\.com>?\s*$", re.IGNORECASE)

_FAR = re.compile(r"by|cn|ir|k[rz]|ru|su|t[hw]|ua")
"""Countries whose own mail is written in other letters than those of ASCII."""

_USED = {
    Use.SHORTENER: ("link.shortener", "a shortened link hides where it leads"),
    Use.HOSTING: ("link.hosting", "a link leads to a host of pages of anybody"),
    Use.FORM: ("link.form_service", "a link leads to a form of anybody"),
    Use.FILES: ("link.files", "a link leads to a file of anybody"),
    Use.IPFS: ("link.ipfs", "a link leads to pages that nobody can take down"),
    Use.CHAT: ("link.chat", "a link leads out of mail, to a chat"),
}


FEW = 15
"""Links among which one that is odd tells something; of more it takes one in so many."""

_NEVER_BY_CHANCE = frozenset(
    {"link.code", "link.content", "link.credentials", "link.false_text", "link.ipfs"}
)


Signs = tuple[tuple[str, str], ...]
"""Names, and what is told of each."""


def links(view: View) -> Iterator[Finding]:
    """Findings about links; each kind is told once, with its first example.

    A newspaper of a hundred links has odd ones among them by chance.
    """
    told: dict[str, str] = {}
    times: Counter[str] = Counter()
    by_host: dict[tuple[str, Source], Signs] = {}
    for link in view.visited:
        for name, reason in _about(link, view, by_host):
            times[name] += 1
            if name not in told:
                told[name] = f"{reason}: {link.host or link.url[:60]}"
    least = len(view.visited) // FEW
    for name, reason in told.items():
        if times[name] >= least or name in _NEVER_BY_CHANCE:
            yield Finding(name, reason)
    yield from _together(view)
    yield from _whole(view)


def _about(link: Link, view: View, by_host: dict[tuple[str, Source], Signs]) -> Signs:
    """The signs of a link; of those that tell nothing but their host, the first of a host is looked at."""
    if not link.host or not _is_plain(link):
        return tuple(_signs(link, view))
    place = link.host, link.source
    known = by_host.get(place)
    if known is not None:
        return known
    signs = tuple(_signs(link, view))
    if not is_in(link.host, view.tables.redirectors):
        by_host[place] = signs
    return signs


def _is_plain(link: Link) -> bool:
    """Whether it tells nothing but its host, if that does not lead on."""
    url = link.url
    return not ("@" in url or "%" in url or ":" in url[BEHIND_SCHEME:] or "." in link.text)


def _signs(link: Link, view: View) -> Iterator[tuple[str, str]]:
    url, host = link.url, link.host
    if url[:5].lower() == "data:":
        yield "link.content", "a link holds a page of its own"
        return
    if url[:11].lower() == "javascript:":
        yield "link.script", "a link is a script"
        return
    if is_bare_address(host):
        yield "link.address", "a link leads to an address without a name"
    if port := odd_port(url):
        yield "link.port", f"a link leads to the unusual port {port}"
    if _CREDENTIALS.match(url):
        yield "link.credentials", "a link hides its host behind a name"
    if host.startswith("xn--") or ".xn--" in host:
        yield "link.encoded_name", "a link leads to a name beyond ASCII"
    if link.source is Source.QR:
        yield "link.code", "a picture holds a link as a QR code"
    if link.domain in view.senders:
        return
    use = use_of(host, view.tables)
    if use in _USED:
        yield _USED[use]
    elif use is None:
        yield from _about_name(link.domain, host, view.tables)
    if is_in(host, view.tables.redirectors) and (_INNER.search(url) or _REDIRECTING.search(url)):
        yield "link.redirector", "a link is led on by a site that does so for anybody"
    elif use is not Use.CLICKS and _INNER.search(url):
        yield "link.inner", "a link holds another link"
    if _ADDRESS.search(url) and not view.bulk:
        yield "link.holds_address", "a link holds an address of mail"
    yield from _about_text(link, use, view)


@lru_cache(maxsize=4096)
def _about_name(domain: str, host: str, tables: Tables) -> tuple[tuple[str, str], ...]:
    label = domain.partition(".")[0]
    found = []
    if tables.abuse_of(domain) > 1:
        found.append(("link.cheap_domain", "a link leads to a name of a kind that costs nothing"))
    if looks_random(label) or mixes_digits(label):
        found.append(("link.random_domain", "a link leads to a name that looks made by chance"))
    sub = host[: -len(domain)].rstrip(".")
    if sub and any(looks_random(each) or (len(each) > 4 and mixes_digits(each)) for each in sub.split(".")):
        found.append(("link.random_host", "a link leads to a host whose name looks made by chance"))
    if host.count(".") >= 5:
        found.append(("link.deep_host", "a link leads to a host of many labels"))
    if label.count("-") >= 2:
        found.append(("link.hyphens", "a link leads to a name of many hyphens"))
    return tuple(found)


def _about_text(link: Link, use: Use | None, view: View) -> Iterator[tuple[str, str]]:
    shown = _SHOWN.fullmatch(link.text)
    if shown is None or not link.host:
        return
    promised = organisation_of(shown[1].lower())
    if promised == link.domain or promised.partition(".")[0] == link.domain.partition(".")[0]:
        return
    if use in (Use.CLICKS, Use.SHORTENER) or (promised not in view.senders and view.bulk):
        yield "link.other_text", f"a link shows {shown[1][:60]} and leads elsewhere, by a counter of clicks"
    else:
        yield "link.false_text", f"a link shows {shown[1][:60]} and leads elsewhere"


def _whole(view: View) -> Iterator[Finding]:
    """What all links together tell."""
    seen = view.destinations
    if not seen or view.discussion or view.replies:
        return
    strangers = [domain for domain in seen if domain not in view.senders]
    if (
        view.author.domain
        and len(strangers) == len(seen)
        and not any(_relates(view, domain) for domain in seen)
    ):
        # People show the address of a page that they found, or pass on what others wrote; houses write words
        # on what is theirs.
        worded = any(link.source is Source.HTML and not _SHOWN.fullmatch(link.text) for link in view.visited)
        is_person = view.author.free or view.forwards
        name = "link.all_elsewhere" if worded and not is_person else "link.found_elsewhere"
        yield Finding(name, f"no link leads to the sender: {', '.join(seen[:3])}")
    buttons = [link for link in view.visited if link.source is Source.HTML]
    if len(buttons) >= 2 and all(link.url == buttons[0].url for link in buttons):
        yield Finding("link.one_target", "all links lead to one place")
    elif 1 <= len(buttons) <= 2 and view.message.markup and len(seen) == 1 and strangers:
        yield Finding("link.single", f"the only link leads to {seen[0]}")


def _together(view: View) -> Iterator[Finding]:
    """What links tell beside the rest of the message."""
    uses = {use_of(link.host, view.tables) for link in view.visited}
    if Use.SHORTENER in uses and view.says_little:
        yield Finding("link.short_alone", "there is nothing to read but a shortened link")
    countries = {domain.rpartition(".")[2] for domain in view.destinations}
    far = countries and all(map(_FAR.fullmatch, countries))
    home = view.author.domain.rpartition(".")[2]
    if (
        far
        and home not in countries
        and view.message.text.isascii()
        and not (view.discussion or view.replies)
    ):
        reason = f"a text of plain Latin letters leads to a country of others: {view.destinations[0]}"
        yield Finding("link.far_country", reason)
    if Use.CLICKS in uses and _is_of_a_mailbox(view):
        yield Finding("link.copied", "its links count the clicks on mail to many, and a mailbox sent it")


def _is_of_a_mailbox(view: View) -> bool:
    """Whether a person's mailbox sent it, as far as its Message-ID tells, by itself and to no list."""
    if view.bulk or view.replies or view.forwards:
        return False
    return _OF_MAILBOXES.search(view.value("message-id")) is not None


def _relates(view: View, domain: str) -> bool:
    """Whether a domain bears a sender's name (`auspost.com`, `auspost.com.au`), or counts clicks for them."""
    if use_of(domain, view.tables) is Use.CLICKS and not (view.author.free or _is_of_a_mailbox(view)):
        return True
    label = domain.partition(".")[0]
    return any(_alike(label, sender.partition(".")[0]) for sender in view.senders)


def _alike(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) >= 4 and (one in other or other in one))
