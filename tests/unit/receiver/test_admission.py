from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from gateway.domain.access import ConnectRule, SenderRule, client_address
from gateway.domain.statistics import Counter
from gateway.records.port import Records
from gateway.runtime.logs import ACTIVITY
from gateway.runtime.outages import Outages
from services.receiver import replies
from services.receiver.admission import Admission, Request, Visitor
from services.receiver.blocklists import BlockLists
from services.receiver.rules import Rules
from tests.support.receiving import RULES, NotedEvents
from tests.support.records import MemoryOutages
from tests.support.zones import ZoneDns

REQUEST = Request("mx.client.example", "a@client.example", "b@own.example")


class House:
    """A receiver's admission, with all that it asks and tells."""

    def __init__(self, rules: Rules) -> None:
        self.dns = ZoneDns({})
        self.records = NotedEvents()
        lists = BlockLists(rules.black_lists, self.dns, Outages(MemoryOutages(), "p1"))
        self.admission = Admission(rules, self.dns, lists, cast(Records, self.records))

    def visitor(self, client: str = "192.0.2.7") -> Visitor:
        return Visitor(self.admission, client_address(client))


async def test_a_refusal_is_counted_and_logged_with_the_rule_that_decided(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(ACTIVITY, logger="gateway.mail")
    house = House(replace(RULES, connect=(ConnectRule.parse("deny from no_name to *"),)))

    reply = await house.visitor().refusal(REQUEST)

    assert reply is replies.NO_CLIENT_NAME
    assert house.records.counted == {Counter.RECEIVINGS_REFUSED: 1, Counter.REFUSED_FOR_ACCESS_RULES: 1}
    assert caplog.messages == [
        "REFUSED, from=<a@client.example>, rcpt=<b@own.example>, client=[192.0.2.7],"
        ' reason="access rule", rule="deny from no_name to *"'
    ]


async def test_what_is_admitted_is_neither_counted_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(ACTIVITY, logger="gateway.mail")
    house = House(RULES)

    assert await house.visitor().refusal(REQUEST) is None
    assert not house.records.counted
    assert not caplog.messages


async def test_a_client_that_may_not_relay_makes_nobody_ask_dns() -> None:
    house = House(replace(RULES, connect=(ConnectRule.parse("deny from no_name to *"),)))

    reply = await house.visitor().refusal(replace(REQUEST, recipient="b@elsewhere.example"))

    assert reply is replies.RELAYING_DENIED
    assert not house.dns.asked


async def test_of_an_allowed_sender_nothing_is_asked() -> None:
    house = House(
        replace(
            RULES,
            connect=(ConnectRule.parse("deny from no_name to *"),),
            senders=(SenderRule.parse("allow from 192.0.2.0/24 to *"),),
        )
    )

    assert await house.visitor().refusal(REQUEST) is None
    assert not house.dns.asked
