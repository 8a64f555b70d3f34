"""The tables of houses on the net that checks look things up in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

TABLES = files("services.antispam").joinpath("database", "sources", "tables")
DOMAIN = re.compile(r"(?=.{2,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z][a-z0-9-]*[a-z0-9]")
BRAND_KINDS = [
    "mail",
    "cloud",
    "bank",
    "payment",
    "parcel",
    "shop",
    "streaming",
    "social",
    "telecom",
    "travel",
    "energy",
    "software",
    "crypto",
    "tax",
    "state",
    "insurance",
    "game",
    "business",
]


def rows(name: str) -> Iterator[list[str]]:
    """The fields of each line that is no comment."""
    for line in TABLES.joinpath(name).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            yield line.split("\t")


@pytest.mark.parametrize("name", ["freemail.txt", "disposable.txt", "shorteners.txt"])
def test_a_list_of_domains_is_sorted_and_names_each_once(name: str) -> None:
    names = [domain for (domain,) in rows(name)]

    assert names == sorted(set(names))
    assert all(DOMAIN.fullmatch(domain) for domain in names)


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("hosting.tsv", re.compile("site|app|file|form|doc|desk|tunnel")),
        ("mailers.tsv", re.compile(r"\S.*\S")),
        ("tlds.tsv", re.compile("[123]")),
    ],
)
def test_a_table_by_domain_names_each_once_with_what_it_is(name: str, second: re.Pattern[str]) -> None:
    found = list(rows(name))

    assert len({domain for domain, _ in found}) == len(found)
    assert all(
        DOMAIN.fullmatch(domain.partition("/")[0]) and second.fullmatch(what) for domain, what in found
    )


def test_brands_have_a_kind_and_domains_of_their_own() -> None:
    found = list(rows("brands.tsv"))
    spellings = [name.casefold() for names, *_ in found for name in names.split("|")]

    assert all(len(row) in (3, 4) and row[1] in BRAND_KINDS for row in found)
    assert all(row[3:] in ([], ["word"]) for row in found)
    assert all(DOMAIN.fullmatch(domain) for row in found for domain in row[2].split(" "))
    assert sorted(spellings) == sorted(set(spellings))


def test_redirectors_name_a_path_and_where_the_address_stands() -> None:
    for host, path, parameters in rows("redirectors.tsv"):
        assert DOMAIN.fullmatch(host)
        assert path.startswith("/")
        assert re.fullmatch(r"\*|-|[\w.$]+(,[\w.$]+)*", parameters)


def test_nobody_is_a_free_mailbox_and_a_throw_away_one_at_once() -> None:
    assert not {row[0] for row in rows("freemail.txt")} & {row[0] for row in rows("disposable.txt")}
