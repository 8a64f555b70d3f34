from __future__ import annotations

import pytest

from gateway.bases.source import BadSource
from gateway.domain.policy import SpamStatus
from services.antispam import categories as named
from services.antispam.database.categories import parse_categories
from tests.support.content import CATEGORIES

LISTED = parse_categories(CATEGORIES, "categories.tsv")


def test_every_category_that_the_code_names_is_in_the_list() -> None:
    names = {value for name, value in vars(named).items() if name.isupper()}

    assert names
    assert names <= {category.name for category in LISTED}


def test_a_category_comes_behind_those_above_it_and_none_comes_twice() -> None:
    assert LISTED.with_parents(["Parcel fraud", "Phishing", "Loans and debts", "of somebody else"]) == (
        *("Fraud", "Phishing", "Parcel fraud", "Finance", "Loans and debts", "of somebody else"),
    )


@pytest.mark.parametrize(
    ("status", "name", "label"),
    [
        (SpamStatus.NOT_DETECTED, "Obscene", "[--Obscene--]"),
        (SpamStatus.NOT_DETECTED, "Automatic replies", "[--Formal Messages--]"),
        (SpamStatus.PROBABLE, "Calls for papers", "[?? Seminars etc.]"),
        (SpamStatus.SPAM, "Calls for papers", ""),
        (SpamStatus.PROBABLE, "Phishing", ""),
    ],
)
def test_a_label_holds_for_the_categories_below(status: SpamStatus, name: str, label: str) -> None:
    assert LISTED.label(status, [name]) == label


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a\t-\tyes", "key, parent, counts, name and labels"),
        ("A\t-\tyes\tName", "'A' is no key"),
        ("a\t-\tmaybe\tName", "neither yes nor no"),
        ("a\t-\tyes\tNäme", "'Näme' is no name"),
        ("a\tb\tyes\tName", "the parent 'b' does not stand above"),
        ("top\t-\tyes\tName", "is there already"),
        ("a\t-\tyes\tTop", "is there already"),
        ("a\t-\tyes\tName\tclean: [x]", "'clean: [x]' is no label"),
        ("a\t-\tyes\tName\tspam: [\u00e9]", "is no label"),
    ],
)
def test_a_line_that_is_not_right_is_told_with_its_place(line: str, why: str) -> None:
    with pytest.raises(BadSource) as refused:
        parse_categories(f"# comment\ntop\t-\tyes\tTop\n{line}\n", "c.tsv")

    assert str(refused.value).startswith("c.tsv, line 3: ")
    assert why in str(refused.value)


def test_a_hierarchy_has_a_bound() -> None:
    lines = ["c0\t-\tyes\tC0", *(f"c{n}\tc{n - 1}\tyes\tC{n}" for n in range(1, 12))]

    with pytest.raises(BadSource, match="more than 7 categories above it"):
        parse_categories("\n".join(lines), "c.tsv")
