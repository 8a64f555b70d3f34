from __future__ import annotations

import pytest

from gateway.config.coverage import Claim, claim_of_relay_rule, claim_of_rule, covered, covers_all
from gateway.domain.access import ConnectRule, HeloRule, RelayRule


@pytest.mark.parametrize(
    ("masks", "hidden"),
    [
        (["*@a.example", "x@a.example"], [(1, 0)]),
        (["x@a.example", "*@a.example"], []),
        (["*@A.example", "x@a.EXAMPLE"], [(1, 0)]),
        (["*", "*@a.example", "?"], [(1, 0), (2, 0)]),
        (["x*", "xy*", "y*"], [(1, 0)]),
        (["x?@a.example", "x*@a.example", "x?@a.example"], [(2, 0)]),
    ],
)
def test_a_mask_never_matches_behind_one_that_covers_it(
    masks: list[str], hidden: list[tuple[int, int]]
) -> None:
    assert list(covered([Claim(mask) for mask in masks])) == hidden


@pytest.mark.parametrize(
    ("earlier", "later", "hidden"),
    [
        ("allow from any to *", "deny from 192.0.2.1 to *", True),
        ("allow from 192.0.2.0/24 to *", "deny from 192.0.2.0/28 to x@a.example", True),
        ("allow from 192.0.2.0/24 to *", "deny from 192.0.0.0/16 to *", False),
        ("allow from 192.0.2.0/24 to *", "deny from any to *", False),
        ("allow from 0.0.0.0/0 to *", "deny from 2001:db8::1 to *", False),
        ("allow from ::/0 to *", "deny from 2001:db8::1 to *", True),
    ],
)
def test_a_relay_rule_is_covered_when_network_and_mask_both_are(
    earlier: str, later: str, hidden: bool
) -> None:
    claims = [claim_of_relay_rule(RelayRule.parse(text)) for text in (earlier, later)]

    assert bool(list(covered(claims))) is hidden


def test_a_condition_is_covered_by_itself_by_any_and_by_what_it_implies() -> None:
    connect = [
        ConnectRule.parse(f"deny from {source} to *") for source in ("no_name", "in_dnsbl", "any", "no_name")
    ]
    helo = [HeloRule.parse(f"deny from {source} to *") for source in ("has_ip", "same_ip", "diff_ip")]

    assert list(covered([claim_of_rule(rule) for rule in connect])) == [(3, 0)]
    assert list(covered([claim_of_rule(rule) for rule in helo])) == [(1, 0)]


def test_masks_cover_others_each_by_one_of_them() -> None:
    assert covers_all(["*@a.example", "*@b.example"], ["x@b.example", "y@a.example"])
    assert not covers_all(["*@a.example"], ["x@a.example", "x@b.example"])
    assert covers_all(["*"], [])


def test_a_list_of_many_domains_is_compared_at_once() -> None:
    claims = [Claim(f"*@{number}.example") for number in range(20_000)]

    assert not list(covered(claims))
