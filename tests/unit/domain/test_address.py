from __future__ import annotations

import pytest

from gateway.domain.address import covers, domain_of, matches, matches_any


@pytest.mark.parametrize(
    ("address", "domain"),
    [("a@B.Example", "b.example"), ("", ""), ("postmaster", ""), ('"a@b"@c.example', "c.example")],
)
def test_the_domain_is_what_follows_the_last_at_sign(address: str, domain: str) -> None:
    assert domain_of(address) == domain


@pytest.mark.parametrize(
    ("mask", "text", "named"),
    [
        ("*@a.example", "User@A.EXAMPLE", True),
        ("*@a.example", "user@b.a.example", False),
        ("us?r@*", "user@x", True),
        ("us?r@*", "usr@x", False),
        ("*", "", True),
        ("a.b@*", "axb@c", False),
        ("*" * 40 + "x", "a" * 200, False),
    ],
)
def test_a_mask_names_what_its_wildcards_stand_for(mask: str, text: str, named: bool) -> None:
    assert matches(mask, text) is named


def test_no_masks_name_nothing() -> None:
    assert not matches_any((), "user@a.example")


@pytest.mark.parametrize(
    ("mask", "other", "covered"),
    [
        ("*", "*@a.example", True),
        ("*@a.example", "x?@a.example", True),
        ("*@a.example", "*", False),
        ("x?@a.example", "x*@a.example", False),
        ("??", "?a", True),
        ("*@*.example", "*@a.example", True),
    ],
)
def test_a_mask_covers_another_that_names_nothing_more(mask: str, other: str, covered: bool) -> None:
    assert covers(mask, other) is covered
