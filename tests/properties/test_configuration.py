from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from gateway.config.coverage import Claim, covered
from gateway.config.names import parameter_name
from gateway.config.settings import SECTIONS
from gateway.config.values import (
    OBJECT_STATUSES,
    SPAM_STATUSES,
    read_statuses,
    read_switch,
    write,
    write_statuses,
)
from gateway.config.written import is_repeated
from gateway.domain.access import ConnectCondition, ConnectRule, RelayRule
from gateway.domain.address import matches
from gateway.domain.endpoint import HostPort, parse_host_port
from gateway.domain.routes import Route
from tests.support.configuration import MINIMAL, examined

MARKS = st.sampled_from("[]=,#; \n\r\x00\u2028\ud800")
WORDS = st.sampled_from(
    ("smtpgw.policy", "path", "smtpgw.group:a", "Senders", "RelayRule", "NotifyAdmin", "Url", "infected")
) | st.sampled_from(("!include ", "file:", "/x", "allow from any to ", "*@a.example", "10"))
FRAGMENTS = st.lists(MARKS | WORDS | st.text(max_size=8), max_size=40).map("".join)

HOSTS = st.from_regex(
    r"[a-z][a-z0-9]{0,8}(\.[a-z][a-z0-9]{0,8}){0,2}", fullmatch=True
) | st.ip_addresses().map(str)
VARIABLES = st.sampled_from(["SMTPGW_X", "SMTPGW_PATH_BASESPATH"])
PORTS = st.integers(1, 65535)
MASKS = st.text(alphabet="ab*?@.", min_size=1, max_size=8)
NETWORKS = st.none() | st.ip_addresses().flatmap(
    lambda address: st.integers(0, address.max_prefixlen).map(
        lambda bits: ip_network(f"{address}/{bits}", strict=False)
    )
)


@given(
    FRAGMENTS, FRAGMENTS, st.dictionaries(st.sampled_from(["SMTPGW_X", "SMTPGW_PATH_BASESPATH"]), FRAGMENTS)
)
def test_any_text_gives_settings_or_errors(text: str, included: str, environ: dict[str, str]) -> None:
    result = examined(MINIMAL + text, environ, {"/x": included})

    assert (result.settings is None) == bool(result.findings.errors)
    assert all(str(finding.place) and "\n" not in str(finding) for finding in result.findings.errors)


@given(st.frozensets(st.sampled_from([*OBJECT_STATUSES, *SPAM_STATUSES])))
def test_statuses_are_written_as_they_are_read(statuses: frozenset[object]) -> None:
    assert read_statuses(write_statuses(statuses)) == statuses  # type: ignore[arg-type]


@given(st.booleans())
def test_yes_and_no_are_written_as_they_are_read(value: bool) -> None:
    assert read_switch(write(value)) is value


@given(HOSTS, PORTS)
def test_a_host_and_port_are_written_as_they_are_read(host: str, port: int) -> None:
    place = HostPort(host, port)

    assert parse_host_port(str(place)) == place


@given(MASKS, HOSTS, PORTS)
def test_a_route_is_written_as_it_is_read(mask: str, host: str, port: int) -> None:
    route = Route(mask, host, port)

    assert Route.parse(str(route)) == route


@given(st.booleans(), st.sampled_from(ConnectCondition), NETWORKS, MASKS)
def test_a_rule_is_written_as_it_is_read(
    allows: bool, condition: ConnectCondition, network: object, mask: str
) -> None:
    connect, relay = ConnectRule(allows, condition, mask), RelayRule(allows, network, mask)  # type: ignore[arg-type]

    assert ConnectRule.parse(str(connect)) == connect
    assert RelayRule.parse(str(relay)) == relay


@given(st.lists(MASKS, max_size=6), st.text(alphabet="ab@.", max_size=6))
def test_a_covered_mask_is_never_the_first_that_matches(masks: list[str], address: str) -> None:
    hidden = {later for later, _ in covered([Claim(mask) for mask in masks])}

    first = next((number for number, mask in enumerate(masks) if matches(mask, address)), None)

    assert first not in hidden


def test_every_default_is_written_as_it_is_read() -> None:
    text = MINIMAL
    for model in SECTIONS.values():
        given_there = [line.partition("=")[0] for line in _section(model.heading)]
        lines = [f"[{model.heading}]"]
        for attribute, field in model.model_fields.items():
            if not field.is_required() and parameter_name(attribute) not in given_there:
                default = field.get_default()
                values = (
                    [write(value) for value in default] or [""]
                    if is_repeated(model, attribute)
                    else [write(default)]
                )
                lines += [f"{parameter_name(attribute)}={value}" for value in values]
        text += "\n".join(lines) + "\n"

    assert examined(text).settings == examined(MINIMAL).settings


def _section(heading: str) -> list[str]:
    _, found, rest = MINIMAL.partition(f"[{heading}]\n")
    return rest.partition("[")[0].splitlines() if found else []
