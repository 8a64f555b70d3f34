"""Signs of those who write in the name of a well-known house."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from gateway.authentication.dmarc.record import organisation_of
from gateway.domain.journey import Finding
from services.antispam.database.tables import Brand, Tables, is_in
from services.antispam.hosts import Use, use_of
from services.antispam.houses import LETTERS, brands_in, is_of
from services.antispam.view import View


def brands(view: View) -> Iterator[Finding]:
    """Findings when a well-known name is shown, and what is sent and linked is not of its house."""
    if view.discussion:
        return
    author = view.author
    if feigned := view.feigned:
        kind = "brand.author_word" if feigned.common or _leads_home(view, feigned) else "brand.author"
        reason = f"the author is called {author.name[:60]!r}, but is not of {feigned.name}: {author.domain}"
        yield Finding(kind, reason)
    if not brands_in(author.name, view.tables) and not view.forwards:
        for brand in brands_in(view.subject, view.tables):
            if not brand.common and not view.is_of(brand):
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


def _leads_home(view: View, brand: Brand) -> bool:
    """Whether most links lead to the house that the author is called after: others may send for it."""
    domains = [link.domain for link in view.visited if link.domain]
    home = sum(is_of(brand, domain, domain, view.tables) for domain in domains)
    return 2 * home > len(domains)


@lru_cache(maxsize=8192)
def _hidden_brand(host: str, tables: Tables) -> str:
    """The house whose name a host bears although it is not theirs; "" for none."""
    if not host or use_of(host, tables) in (Use.CLICKS, Use.FORM):
        return ""
    marks = tables.marks.within(host) or tables.marks.within(host.translate(LETTERS))
    if any(is_in(host, tables.bearers[mark].domains) for mark in marks):
        return ""
    own = organisation_of(host).partition(".")[0]
    labels = host.split(".")[:-1]
    for mark in marks:
        if any(_bears(label, mark, registered=label == own) for label in labels):
            return tables.bearers[mark].name
    return ""


def _bears(label: str, mark: str, *, registered: bool) -> bool:
    """Whether a label is a name in disguise or with more: `paypal-secure`, `paypa1`.

    As what was registered, the name alone may be its house's under another top-level domain.
    """
    plain = label.translate(LETTERS)
    if plain == mark:
        return label != mark or not registered
    pieces = plain.split("-")
    return mark in pieces or (len(mark) >= 6 and (plain.startswith(mark) or plain.endswith(mark)))
