"""ARC as the published suites want it: `tests/corpus/authentication/arc-*.yml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.authentication.arc.sealing import Sealer, arc_set
from gateway.authentication.dkim.bodyhash import BodyHashes
from gateway.authentication.dkim.keys import load_own_key
from gateway.authentication.dkim.signing import COVERAGE
from gateway.authentication.examination import Examination, Methods
from gateway.authentication.header import Header
from gateway.authentication.spf.evaluation import Sender
from gateway.domain.authentication import Arc
from gateway.domain.headers import fields, header_end, raw_value
from tests.support.zones import ZoneDns

SUITES = Path(__file__).parents[2] / "corpus" / "authentication"
ALPHABETICAL = ("a", "b", "bh", "c", "cv", "d", "h", "i", "s", "t")
"""The order of tags that the suite was signed with."""


@lru_cache(maxsize=2)
def scenarios(name: str) -> Sequence[Mapping[str, Any]]:
    text = (SUITES / name).read_text(encoding="utf-8")
    return [scenario for scenario in yaml.load_all(text, yaml.CSafeLoader) if scenario]


def cases(name: str) -> list[Any]:
    return [
        pytest.param(scenario, case, id=f"{scenario['description']}: {test}")
        for scenario in scenarios(name)
        for test, case in scenario["tests"].items()
    ]


def message_of(case: Mapping[str, Any]) -> bytes:
    return str(case["message"]).replace("\n", "\r\n").encode()


async def chain_of(scenario: Mapping[str, Any], message: bytes) -> Arc:
    dns = ZoneDns({f"{name} TXT": [text] for name, text in scenario["txt-records"].items()})
    sender = Sender(ip_address("192.0.2.1"), "from@client.example", "client.example")
    methods = Methods(spf=False, dkim=False, dmarc=False)
    examination = Examination(methods, dns, sender, hostname="gw.example", now=20000)
    examination.take(message)
    found = await examination.finish(within=10, sample=0)
    assert found.arc is not None
    return found.arc


@pytest.mark.parametrize(("scenario", "case"), cases("arc-validation.yml"))
async def test_a_chain_is_worth_what_the_suite_says(
    scenario: Mapping[str, Any], case: Mapping[str, Any]
) -> None:
    # The suite leaves a chain open that says itself that it was broken; the standard calls it failed.
    expected = case["cv"].strip().lower() or "fail"

    arc = await chain_of(scenario, message_of(case))

    assert arc.result == expected, arc.reason


@pytest.mark.parametrize(("scenario", "case"), cases("arc-signing.yml"))
async def test_a_set_is_what_the_suite_wants(scenario: Mapping[str, Any], case: Mapping[str, Any]) -> None:
    message = message_of(case)
    sealer = Sealer(
        case["srv-id"],
        scenario["domain"],
        scenario["sel"],
        load_own_key(scenario["privatekey"].encode()),
        names=case["sig-headers"].split(":"),
        order=ALPHABETICAL,
    )
    end = header_end(message)
    body = BodyHashes([COVERAGE])
    body.update(message[end:])
    digest = body.finish()[COVERAGE].digest
    state = (await chain_of(scenario, message)).result

    added = arc_set(Header(message[:end]), digest, state, sealer, now=case["t"])

    assert [*_fields(added)] == [*_expected(case)]


def test_the_suites_are_whole() -> None:
    assert len(cases("arc-validation.yml")) == 171
    assert len(cases("arc-signing.yml")) == 17


def _fields(added: bytes) -> Iterator[tuple[str, str]]:
    for field in fields(added):
        yield field.name, "".join(raw_value(added, field).decode().split())


def _expected(case: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for short, name in (
        ("AS", "ARC-Seal"),
        ("AMS", "ARC-Message-Signature"),
        ("AAR", "ARC-Authentication-Results"),
    ):
        if text := "".join(str(case[short] or "").split()):
            yield name, text
