"""Signs of those who write in the name of a well-known house."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from gateway.authentication.dmarc.record import organisation_of
from gateway.domain.journey import Finding
from services.antispam.database.tables import Brand, Tables
from services.antispam.hosts import Use, use_of
from services.antispam.view import View

LONGEST_NAME = 200
"""Characters of a name that are compared."""

_LETTERS = str.maketrans("013457@$|", "oieastasl")
"""Digits and signs that stand for letters."""


def brands(view: View) -> Iterator[Finding]:
    """Findings when a well-known name is shown, and what is sent and linked is not of its house."""
    if view.discussion:
        return
    author = view.author
    in_name = _brands_in(author.name, view.tables)
    for brand in in_name:
        if not _is_of(brand, view):
            kind = "brand.author_word" if brand.common else "brand.author"
            yield Finding(
                kind,
                f"the author is called {author.name[:60]!r}, but is not of {brand.name}: {author.domain}",
            )
            break
    if not in_name:
        for brand in _brands_in(view.subject, view.tables):
            if not brand.common and not _is_of(brand, view):
                yield Finding(
                    "brand.subject", f"the Subject names {brand.name}, and the author is of {author.domain}"
                )
                break
    for host in dict.fromkeys(link.host for link in view.visited):
        if found := _hidden_brand(host, view.tables):
            yield Finding("brand.link", f"a link leads to {host[:100]}, which is not of {found}")
            break
    if not author.free and (found := _hidden_brand(author.domain, view.tables)):
        yield Finding("brand.domain", f"the author's domain {author.domain} is not of {found}")


def _brands_in(text: str, tables: Tables) -> tuple[Brand, ...]:
    return _found(text[:LONGEST_NAME], tables) if text else ()


@lru_cache(maxsize=2048)
def _found(text: str, tables: Tables) -> tuple[Brand, ...]:
    folded = text.casefold()
    spelled = (
        [folded, folded.translate(_LETTERS)] if any(char in folded for char in "013457@$|") else [folded]
    )
    names = dict.fromkeys(name for each in spelled for name in tables.spellings.findall(each))
    return tuple(tables.brands[name] for name in names)


def _is_of(brand: Brand, view: View) -> bool:
    """Whether the author belongs to that house, or to one that bears its name."""
    author = view.author
    if any(author.domain == domain or author.domain.endswith(f".{domain}") for domain in brand.domains):
        return True
    label = author.organisation.partition(".")[0]
    own = {domain.partition(".")[0] for domain in brand.domains}
    # The same name under another top-level domain is most often its house's; fraud takes cheap ones.
    return label in own and view.tables.suffixes.get(author.organisation.rpartition(".")[2], 0) == 0


@lru_cache(maxsize=8192)
def _hidden_brand(host: str, tables: Tables) -> str:
    """The house whose name a host bears although it is not theirs; "" for none."""
    if not host or use_of(host, tables) in (Use.CLICKS, Use.FORM):
        return ""
    labels = host.split(".")
    for mark, brand in tables.marks:
        if mark not in host and mark not in host.translate(_LETTERS):
            continue
        if any(host == domain or host.endswith(f".{domain}") for domain in brand.domains):
            return ""
        own = organisation_of(host).partition(".")[0]
        if any(_bears(label, mark, registered=label == own) for label in labels[:-1]):
            return brand.name
    return ""


def _bears(label: str, mark: str, *, registered: bool) -> bool:
    """Whether a label is a name in disguise or with more: `paypal-secure`, `paypa1`.

    As what was registered, the name alone may be its house's under another top-level domain.
    """
    plain = label.translate(_LETTERS)
    if plain == mark:
        return label != mark or not registered
    pieces = plain.split("-")
    return mark in pieces or (len(mark) >= 6 and (plain.startswith(mark) or plain.endswith(mark)))
