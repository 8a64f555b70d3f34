"""Long lists give the same answers as their lines one by one."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.access import SenderRule, client_address
from gateway.domain.address import domain_of, matches
from gateway.domain.firstmatch import MaskIndex, NetworkIndex, in_order, shared
from gateway.domain.senders import SenderRules

# Few letters, so that masks and addresses meet.
ADDRESSES = st.from_regex(r"[ab.]{0,3}@[ab](\.[ab]){0,2}", fullmatch=True)
DOMAINS = st.from_regex(r"[ab](\.[ab]){0,2}", fullmatch=True)
MASKS = st.text("abAB.@*?", min_size=1, max_size=8)
CLIENTS = st.ip_addresses(v=4, network="192.0.2.0/28") | st.ip_addresses(v=6, network="2001:db8::/124")
NETWORKS = st.builds(
    lambda address, length: ip_network(f"{address}/{address.max_prefixlen - length}", strict=False),
    CLIENTS,
    st.integers(0, 6),
)
RUNS = st.lists(st.lists(st.integers(0, 30), unique=True).map(sorted))


@given(st.lists(MASKS), ADDRESSES | DOMAINS)
def test_the_masks_that_name_a_text_are_found(masks: list[str], text: str) -> None:
    found = MaskIndex(enumerate(masks)).naming(text)

    assert list(in_order(found)) == [number for number, mask in enumerate(masks) if matches(mask, text)]


@given(st.lists(NETWORKS | st.none()), CLIENTS)
def test_the_networks_around_an_address_are_found(networks: list[object], client: object) -> None:
    listed = [None if network is None else ip_network(str(network)) for network in networks]
    address = ip_address(str(client))

    found = NetworkIndex(enumerate(listed)).around(address)

    around = [number for number, network in enumerate(listed) if network is None or address in network]
    assert list(in_order(found)) == around


@given(RUNS, RUNS)
def test_numbers_in_both_are_shared(some: list[list[int]], others: list[list[int]]) -> None:
    in_both = {number for run in some for number in run} & {number for run in others for number in run}

    assert sorted(set(shared(some, others))) == sorted(in_both)
    assert list(shared(some, others)) == sorted(shared(some, others))


def names(rule: SenderRule, client: str, sender: str, recipient: str) -> bool:
    if not matches(rule.recipients, recipient):
        return False
    match rule.source:
        case str(mask) if mask in ("*", "<>"):
            return mask == "*" or not sender
        case str(mask) if "@" in mask:
            return matches(mask, sender or "@")
        case str(mask):
            return bool(sender) and matches(mask, domain_of(sender))
        case network:
            return ip_address(client) in network


SOURCES = MASKS.filter(lambda mask: mask.lower() != "any") | NETWORKS | st.just("<>")


@given(
    st.lists(st.builds(SenderRule, st.booleans(), SOURCES, MASKS)),
    CLIENTS.map(str),
    ADDRESSES | st.just(""),
    ADDRESSES,
)
def test_the_first_sender_rule_that_names_both_sides_decides(
    rules: list[SenderRule], client: str, sender: str, recipient: str
) -> None:
    deciding = SenderRules(rules).deciding(client_address(client), sender, recipient)

    assert deciding is next((rule for rule in rules if names(rule, client, sender, recipient)), None)
