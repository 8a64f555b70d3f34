from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.domain.access import ConnectRule, HeloRule, MailfromRule
from services.receiver import replies
from services.receiver.access import AccessRules, Denial, Fact, Facts

TO = "b@own.example"


def access(*texts: str) -> AccessRules:
    """Rules written as in the file: `connect deny from no_name to *`."""
    written = [text.partition(" ") for text in texts]
    return AccessRules(
        [ConnectRule.parse(rule) for kind, _, rule in written if kind == "connect"],
        [HeloRule.parse(rule) for kind, _, rule in written if kind == "helo"],
        [MailfromRule.parse(rule) for kind, _, rule in written if kind == "mailfrom"],
    )


def denied_by(rules: AccessRules, said: Mapping[Fact, bool | None], to: str = TO) -> str:
    denial = rules.denial(to, Facts(said, ("bl.example",)))
    return str(denial.rule) if denial else ""


@pytest.mark.parametrize(
    ("rule", "fact", "denied_if"),
    [
        ("connect deny from has_name to *", Fact.CLIENT_NAME, True),
        ("connect deny from no_name to *", Fact.CLIENT_NAME, False),
        ("connect deny from in_dnsbl to *", Fact.CLIENT_LISTED, True),
        ("connect deny from out_dnsbl to *", Fact.CLIENT_LISTED, False),
        ("helo deny from has_ip to *", Fact.HELO_ADDRESS, True),
        ("helo deny from no_ip to *", Fact.HELO_ADDRESS, False),
        ("helo deny from same_ip to *", Fact.HELO_CLIENT, True),
        ("helo deny from diff_ip to *", Fact.HELO_CLIENT, False),
        ("mailfrom deny from has_ip to *", Fact.SENDER_ADDRESS, True),
        ("mailfrom deny from no_ip to *", Fact.SENDER_ADDRESS, False),
        ("mailfrom deny from has_mx to *", Fact.SENDER_MX, True),
        ("mailfrom deny from no_mx to *", Fact.SENDER_MX, False),
    ],
)
def test_a_condition_is_about_one_fact(rule: str, fact: Fact, denied_if: bool) -> None:
    rules = access(rule)

    assert rules.questions(TO) == {fact}
    assert denied_by(rules, {fact: denied_if})
    assert not denied_by(rules, {fact: not denied_if})


@pytest.mark.parametrize("kind", ["connect", "helo", "mailfrom"])
def test_any_always_holds_and_needs_no_look_up(kind: str) -> None:
    rules = access(f"{kind} deny from any to *")

    assert rules.questions(TO) == frozenset()
    assert denied_by(rules, {}) == "deny from any to *"


def test_without_a_rule_about_the_recipient_it_is_allowed() -> None:
    rules = access("connect deny from any to c@own.example")

    assert rules.questions(TO) == frozenset()
    assert not denied_by(rules, {})


def test_the_first_rule_whose_condition_and_mask_hold_decides() -> None:
    rules = access(
        "connect allow from any to abuse@own.example",
        "connect deny from in_dnsbl to *",
        "connect allow from has_name to *",
        "connect deny from any to *",
    )

    assert not denied_by(rules, {}, "abuse@own.example")
    assert denied_by(rules, {Fact.CLIENT_LISTED: True, Fact.CLIENT_NAME: True}) == "deny from in_dnsbl to *"
    assert not denied_by(rules, {Fact.CLIENT_LISTED: False, Fact.CLIENT_NAME: True})
    assert denied_by(rules, {Fact.CLIENT_LISTED: False, Fact.CLIENT_NAME: False}) == "deny from any to *"


def test_only_what_a_rule_about_the_recipient_needs_is_asked() -> None:
    rules = access(
        "connect allow from any to abuse@own.example",
        "connect deny from in_dnsbl to *",
        "mailfrom deny from no_mx to c@own.example",
    )

    assert rules.questions("abuse@own.example") == frozenset()
    assert rules.questions(TO) == {Fact.CLIENT_LISTED}
    assert rules.questions("c@own.example") == {Fact.CLIENT_LISTED, Fact.SENDER_MX}


def test_a_recipient_must_be_allowed_by_all_three_parameters() -> None:
    rules = access("connect allow from any to *", "helo deny from no_ip to *", "mailfrom allow from any to *")

    assert denied_by(rules, {Fact.HELO_ADDRESS: False}) == "deny from no_ip to *"


def test_what_nobody_knows_now_is_a_temporary_refusal() -> None:
    rules = access("connect deny from no_name to *")

    denial = rules.denial(TO, Facts({Fact.CLIENT_NAME: None}))

    assert denial == Denial(ConnectRule.parse("deny from no_name to *"), replies.CANNOT_JUDGE_NOW)


def test_what_nobody_knows_does_not_count_where_it_changes_nothing() -> None:
    allowing = access("connect allow from has_name to *")
    denying = access("connect deny from no_name to *", "connect deny from any to *")

    assert allowing.denial(TO, Facts({Fact.CLIENT_NAME: None})) is None
    denial = denying.denial(TO, Facts({Fact.CLIENT_NAME: None}))
    assert denial
    assert denial.reply is replies.ACCESS_DENIED


def test_a_later_rule_may_decide_whatever_is_not_known() -> None:
    rules = access(
        "connect deny from no_name to *", "connect deny from in_dnsbl to *", "connect allow from any to *"
    )

    denial = rules.denial(TO, Facts({Fact.CLIENT_NAME: None, Fact.CLIENT_LISTED: True}, ("bl.example",)))

    assert denial
    assert denial.reply.code == 550


def test_a_sure_denial_counts_more_than_one_that_may_be() -> None:
    rules = access("connect deny from no_name to *", "helo deny from no_ip to *")

    denial = rules.denial(TO, Facts({Fact.CLIENT_NAME: None, Fact.HELO_ADDRESS: False}))

    assert denial
    assert denial.reply is replies.NO_HELO_ADDRESS


def test_of_the_null_sender_neither_a_condition_nor_its_opposite_holds() -> None:
    rules = access("mailfrom deny from no_mx to *", "mailfrom deny from has_mx to *")

    assert not denied_by(rules, {})


def test_a_client_on_a_list_hears_which_one_it_is() -> None:
    denial = access("connect deny from in_dnsbl to *").denial(
        TO, Facts({Fact.CLIENT_LISTED: True}, ("bl.example", "other.example"))
    )

    assert denial
    assert denial.reply.wire() == b"550 5.7.1 your address is on the block list bl.example\r\n"
