"""Tables of names that the checks compare with: read once, from the sources of the content database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Brand:
    """A name that fraud lives on."""

    name: str
    kind: str  # "bank", "parcel", ...
    domains: frozenset[str]  # what its owner really uses
    common: bool = False  # a word or a name of people too: a sign only beside another one


@dataclass(frozen=True, slots=True)
class Tables:
    """All of them. Domains and hosts are in small letters; each covers what is below it."""

    freemail: frozenset[str]  # anybody gets an address there
    disposable: frozenset[str]  # mailboxes that live for minutes
    shorteners: frozenset[str]
    hosting: Mapping[str, str]  # what for: "site", "app", "file", "form", "doc", "tunnel"
    mailers: Mapping[str, str]  # the house that sends mail for others
    redirectors: frozenset[str]  # hosts that lead to whatever address they are given
    suffixes: Mapping[str, int]  # top-level domains by their abuse, 1 to 3
    brands: Mapping[str, Brand]  # by each spelling, case-folded
    spellings: re.Pattern[str]  # finds one of them as a whole word, longest first


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The tables that come with the gateway."""
    brands = dict(_brands())
    longest_first = sorted(brands, key=lambda name: (-len(name), name))
    return Tables(
        freemail=frozenset(row[0] for row in _rows("freemail.txt")),
        disposable=frozenset(row[0] for row in _rows("disposable.txt")),
        shorteners=frozenset(row[0] for row in _rows("shorteners.txt")),
        hosting={row[0]: row[1] for row in _rows("hosting.tsv")},
        mailers={row[0]: row[1] for row in _rows("mailers.tsv")},
        redirectors=frozenset(row[0] for row in _rows("redirectors.tsv")),
        suffixes={row[0]: int(row[1]) for row in _rows("tlds.tsv")},
        brands=brands,
        spellings=re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)"),
    )


def entry_of(host: str, table: Mapping[str, str]) -> str:
    """What a table says of a host, or of a domain above it; "" for nothing."""
    while host:
        if host in table:
            return table[host]
        host = host.partition(".")[2]
    return ""


def is_in(host: str, names: frozenset[str]) -> bool:
    """Whether a host, or a domain above it, is one of these."""
    while host:
        if host in names:
            return True
        host = host.partition(".")[2]
    return False


def _brands() -> Iterator[tuple[str, Brand]]:
    for names, kind, domains, *common in _rows("brands.tsv"):
        for name in names.split("|"):
            yield name.casefold(), Brand(name, kind, frozenset(domains.split()), bool(common))


def _rows(name: str) -> Iterator[list[str]]:
    text = (
        files("services.antispam").joinpath("database", "sources", "tables", name).read_text(encoding="utf-8")
    )
    return (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
