"""SPF as the published suite for RFC 7208 wants it: `tests/corpus/authentication/spf-rfc7208.yml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.authentication.spf.evaluation import Evaluation, Sender
from gateway.dns.port import Answer, Failed, Found, Kind, MailExchange, NoName, Record

SUITE = Path(__file__).parents[2] / "corpus" / "authentication" / "spf-rfc7208.yml"
DEFAULT = "DEFAULT"
"""How the suite writes that a domain explains nothing."""


@lru_cache(maxsize=1)
def scenarios() -> Sequence[Mapping[str, Any]]:
    return list(yaml.load_all(SUITE.read_text(encoding="utf-8"), yaml.CSafeLoader))


def cases() -> Iterator[Any]:
    for scenario in scenarios():
        for name, case in scenario["tests"].items():
            yield pytest.param(scenario["zonedata"], case, id=f"{scenario['description']}: {name}")


class SuiteDns:
    """Answers from the zone of a scenario. What it lists for the type SPF is asked for as TXT."""

    def __init__(self, zone: Mapping[str, Sequence[Any]]) -> None:
        self._zone = {name.lower(): records for name, records in zone.items()}

    async def ask(self, name: str, kind: Kind) -> Answer:
        for _ in range(8):
            records = self._zone.get(name.lower().rstrip("."))
            if records is None:
                return NoName()
            found = tuple(self._records(records, kind))
            if found:
                return Found(found, 60)
            if "TIMEOUT" in records:
                return Failed("no answer in time")
            alias = next(self._records(records, Kind.CNAME), None)
            if not isinstance(alias, str):
                return Found()
            name = alias
        return Failed("aliases in a circle")

    async def host(self, name: str) -> Answer:
        return await self.ask(name, Kind.A)

    async def close(self) -> None:
        pass

    def _records(self, records: Sequence[Any], kind: Kind) -> Iterator[Record]:
        given = [entry for entry in records if isinstance(entry, dict)]
        has_text = any("TXT" in entry for entry in given)
        for entry in given:
            [(written, value)] = entry.items()
            if (written, kind) == ("SPF", Kind.TXT) and not has_text:
                yield _text(value)
            elif written == kind and value != "NONE":
                yield _record(kind, value)


def _record(kind: Kind, value: Any) -> Record:
    match kind:
        case Kind.TXT:
            return _text(value)
        case Kind.MX:
            return MailExchange(value[0], value[1].rstrip(".").lower())
    return str(value).rstrip(".")


def _text(value: Any) -> bytes:
    return "".join(value if isinstance(value, list) else [value]).encode("latin-1")


@pytest.mark.parametrize(("zone", "case"), list(cases()))
async def test_spf_says_what_the_suite_wants(
    zone: Mapping[str, Sequence[Any]], case: Mapping[str, Any]
) -> None:
    sender = Sender(ip_address(case["host"]), case["mailfrom"], case["helo"])
    evaluation = Evaluation(SuiteDns(zone), sender)
    accepted = case["result"] if isinstance(case["result"], list) else [case["result"]]

    found = await evaluation.check()

    assert found.result in accepted, found.reason
    if case.get("explanation"):
        said = await evaluation.explanation()
        assert said == ("" if case["explanation"] == DEFAULT else case["explanation"])


def test_the_suite_is_whole() -> None:
    assert sum(len(scenario["tests"]) for scenario in scenarios()) == 203
