from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.domain.access import (
    ConnectCondition,
    ConnectRule,
    HeloCondition,
    HeloRule,
    MailfromCondition,
    MailfromRule,
    RelayRule,
    SenderRule,
)


def test_a_rule_has_a_verb_a_condition_and_a_mask_of_recipients() -> None:
    assert ConnectRule.parse("deny from in_dnsbl to *") == ConnectRule(False, ConnectCondition.IN_DNSBL, "*")
    assert HeloRule.parse("allow from same_ip to ?@a.example") == HeloRule(
        True, HeloCondition.SAME_IP, "?@a.example"
    )
    assert MailfromRule.parse("DENY  From NO_MX  to a@b.example") == MailfromRule(
        False, MailfromCondition.NO_MX, "a@b.example"
    )


def test_any_recipient_is_another_spelling_of_the_mask_of_all() -> None:
    assert RelayRule.parse("allow from any to any") == RelayRule(True, None, "*")


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("192.0.2.1", "192.0.2.1/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.9/24", "192.0.2.0/24"),
        ("198.51.0.0/255.255.0.0", "198.51.0.0/16"),
        ("0.0.0.0/0.0.0.0", "0.0.0.0/0"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
    ],
)
def test_a_network_is_written_as_address_or_with_a_mask(source: str, network: str) -> None:
    assert RelayRule.parse(f"allow from {source} to *").network == ip_network(network)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "allow",
        "allow from any",
        "permit from any to *",
        "allow from no_name to *",
        "allow from 192.0.2.300 to *",
        "allow from 192.0.2.0/33 to *",
        "allow from 192.0.2.0/0.0.0.255 to *",
        "allow from 192.0.2.0/255.0.255.0 to *",
        "allow from any to <a@b.example>",
        "allow from any to * extra",
    ],
)
def test_what_is_no_relay_rule_is_refused_with_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"'.*'"):
        RelayRule.parse(text)


def test_a_condition_of_another_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="use in_dnsbl, out_dnsbl, has_name, no_name, any"):
        ConnectRule.parse("deny from no_mx to *")


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ("allow from 192.0.2.0/24 to *", True),
        ("allow from any to *", False),
        ("allow from 0.0.0.0/0 to *", False),
        ("allow from ::/0 to *", False),
    ],
)
def test_a_relay_rule_names_its_clients_unless_it_is_about_all(rule: str, names: bool) -> None:
    assert RelayRule.parse(rule).names_client is names


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("a@spam.example", "a@spam.example"),
        ("*@*.spam.example", "*@*.spam.example"),
        ("spam.example", "spam.example"),
        ("163.example", "163.example"),
        ("<>", "<>"),
        ("ANY", "*"),
        ("192.0.2.9/24", ip_network("192.0.2.0/24")),
        ("2001:db8::/32", ip_network("2001:db8::/32")),
    ],
)
def test_a_sender_is_a_mask_a_network_or_the_null_sender(source: str, meant: object) -> None:
    assert SenderRule.parse(f"deny from {source} to *").source == meant


@pytest.mark.parametrize(
    "source", ["192.0.2.300", "192.0.2.*", "192.0.2.0/33", "2001:db8::/x", "<a@b.example>"]
)
def test_a_slip_in_a_network_or_an_address_is_told(source: str) -> None:
    with pytest.raises(ValueError, match=r"network|brackets"):
        SenderRule.parse(f"deny from {source} to *")


def test_a_sender_rule_is_written_as_it_is_read() -> None:
    for text in (
        "deny from spam.example to *",
        "allow from 192.0.2.0/24 to a@b.example",
        "deny from <> to *",
    ):
        assert str(SenderRule.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["allow from any to *", "deny from 192.0.2.0/24 to *@a.example", "allow from 2001:db8::/32 to x"]
)
def test_a_rule_is_written_as_it_is_read(text: str) -> None:
    assert str(RelayRule.parse(text)) == text
