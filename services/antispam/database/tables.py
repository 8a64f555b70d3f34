"""Tables of names that the checks compare with: one table in each file of the set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.bases.source import BadSource
from services.antispam.database.lines import Line, lines_of
from services.antispam.database.names import Names

FREEMAIL, DISPOSABLE, SHORTENERS = "freemail.txt", "disposable.txt", "shorteners.txt"
HOSTING, MAILERS, REDIRECTORS = "hosting.tsv", "mailers.tsv", "redirectors.tsv"
SUFFIXES, BRANDS = "tlds.tsv", "brands.tsv"

TABLES = (FREEMAIL, DISPOSABLE, SHORTENERS, HOSTING, MAILERS, REDIRECTORS, SUFFIXES, BRANDS)

_COMMON = "word"
_LEAST_MARK = 5
"""Letters of a name in a host: shorter ones are met by chance."""

_LEAST_SQUEEZED = 8
"""Letters of a name that is known without its spaces, too: `TrustWallet`."""

_OF_ANYBODY = frozenset({"software", "business", "social"})
"""Kinds of houses that others name in their own hosts: `github-notifications`, `zoom-tips`."""


@dataclass(frozen=True, slots=True)
class Brand:
    """A name that fraud lives on."""

    name: str
    kind: str  # "bank", "parcel", ...
    domains: frozenset[str]  # what its owner really uses
    common: bool = False  # a word or a name of people too: a sign only beside another one


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """All of them. Domains and hosts are in small letters; each covers what is below it."""

    freemail: frozenset[str]  # anybody gets an address there
    disposable: frozenset[str]  # mailboxes that live for minutes
    shorteners: frozenset[str]
    hosting: Mapping[str, str]  # what for: "site", "app", "file", "form", "doc", "desk", "tunnel"
    mailers: Mapping[str, str]  # the house that sends mail for others
    redirectors: frozenset[str]  # hosts that lead to whatever address they are given
    suffixes: Mapping[str, int]  # top-level domains by their abuse, 1 to 3
    brands: Mapping[str, Brand]  # by each spelling, case-folded
    spellings: Names
    houses: frozenset[str]  # domains of all that stand for themselves alone
    bearers: Mapping[str, Brand]  # by the name as hosts have it
    marks: Names  # these names

    def abuse_of(self, domain: str) -> int:
        """How much abuse its top-level domain sees, 1 to 3; 0 for little."""
        return self.suffixes.get(domain.rpartition(".")[2], 0)


def parse_tables(texts: Mapping[str, str]) -> Tables:
    """The tables of their texts, which are named as in `TABLES`. Raises `BadSource`."""
    brands = dict(_brands(texts))
    bearers = _marks(brands)
    freemail, hosting = _names(texts, FREEMAIL, columns=1), _pairs(texts, HOSTING)
    lent = freemail | hosting.keys()
    return Tables(
        freemail=freemail,
        disposable=_names(texts, DISPOSABLE, columns=1),
        shorteners=_names(texts, SHORTENERS, columns=1),
        hosting=hosting,
        mailers=_pairs(texts, MAILERS),
        redirectors=_names(texts, REDIRECTORS, columns=3),
        suffixes={row.columns[0]: _abuse(row) for row in _rows(texts, SUFFIXES, columns=2)},
        brands=brands,
        spellings=Names.of(brands),
        houses=frozenset(own for brand in brands.values() for own in brand.domains) - lent,
        bearers=bearers,
        marks=Names.of(bearers),
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


def _names(texts: Mapping[str, str], name: str, *, columns: int) -> frozenset[str]:
    return frozenset(row.columns[0] for row in _rows(texts, name, columns=columns))


def _pairs(texts: Mapping[str, str], name: str) -> Mapping[str, str]:
    return {row.columns[0]: row.columns[1] for row in _rows(texts, name, columns=2)}


def _abuse(row: Line) -> int:
    level = row.columns[1]
    if level not in {"1", "2", "3"}:
        raise row.bad(f"{level!r} is no measure of abuse: 1, 2 or 3")
    return int(level)


def _brands(texts: Mapping[str, str]) -> Iterator[tuple[str, Brand]]:
    for row in _rows(texts, BRANDS, columns=3, marked=_COMMON):
        names, kind, domains = row.columns[:3]
        for name in names.split("|"):
            if not name:
                raise row.bad("a name is empty")
            brand = Brand(name, kind, frozenset(domains.split()), len(row.columns) > 3)
            yield name.casefold(), brand
            squeezed = name.casefold().replace(" ", "")
            if len(squeezed) >= _LEAST_SQUEEZED and not brand.common:
                yield squeezed, brand


def _marks(brands: Mapping[str, Brand]) -> Mapping[str, Brand]:
    """Names as hosts have them, long enough not to be met by chance."""
    found: dict[str, Brand] = {}
    for spelling, brand in brands.items():
        name = spelling.replace(" ", "").replace("&", "").replace(".", "")
        if not name.isascii() or not name.isalnum() or len(name) < _LEAST_MARK:
            continue
        if not brand.common and brand.kind not in _OF_ANYBODY:
            found.setdefault(name, brand)
    return found


def _rows(texts: Mapping[str, str], name: str, *, columns: int, marked: str = "") -> Iterator[Line]:
    """The lines of a table, of so many columns; those that are marked have the mark behind them."""
    rows = list(lines_of(texts[name], name))
    if not rows:
        raise BadSource(f"{name}: says nothing")
    for row in rows:
        more = row.columns[columns:]
        if len(row.columns) < columns or more not in ((), (marked,)) or not all(row.columns):
            raise row.bad(
                f"a line has {columns} column{'s' * (columns > 1)}"
                f"{f', and {marked!r} or nothing behind them' if marked else ''}, with one tab between them"
            )
        yield row
