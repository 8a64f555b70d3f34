"""Well-known houses: which of them a text names, and whether an author is of one."""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.authentication.dmarc.record import organisation_of
from services.antispam.database.tables import Brand, Tables, is_in

LONGEST_NAME = 200
"""Characters of a name that are compared."""

LETTERS = str.maketrans("013457@$|", "oieastasl")
"""Digits and signs that stand for letters."""

_TALL = re.compile(r"\bI(?=[a-z])|(?<=[a-z])I|(?<=[a-z]I)I")
"""A capital that looks like a small l: `Trust WaIIet`."""


def brands_in(text: str, tables: Tables) -> tuple[Brand, ...]:
    """The houses that a name or a Subject speaks of, each once."""
    return _found(text[:LONGEST_NAME], tables) if text else ()


def feigned(name: str, domain: str, organisation: str, tables: Tables) -> Brand | None:
    """The house that somebody is called after who does not write from a domain of it.

    Who is of one house that the name speaks of may well speak of others: `DPD via Allegro`.
    """
    named = brands_in(name, tables)
    own = any(is_of(brand, domain, organisation, tables) for brand in named)
    return None if own or not named else named[0]


def is_of(brand: Brand, domain: str, organisation: str, tables: Tables) -> bool:
    """Whether a domain belongs to that house, or to one that bears its name."""
    if domain in tables.freemail:
        return False  # who lends mailboxes to anybody does not write from one
    if is_in(domain, brand.domains):
        return True
    labels = {organisation_of(own).partition(".")[0] for own in brand.domains}
    # The same name under another top-level domain is most often its house's; fraud takes cheap ones.
    return organisation.partition(".")[0] in labels and not tables.abuse_of(organisation)


@lru_cache(maxsize=2048)
def _found(text: str, tables: Tables) -> tuple[Brand, ...]:
    folded = text.casefold()
    spelled = [folded]
    if any(char in folded for char in "013457@$|"):
        spelled.append(folded.translate(LETTERS))
    if _TALL.search(text):
        spelled.append(_TALL.sub("l", text).casefold())
    names = dict.fromkeys(name for each in spelled for name in tables.spellings.as_words(each))
    return tuple(tables.brands[name] for name in names)
