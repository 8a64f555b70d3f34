from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from gateway.domain.access import ConnectRule, RelayRule, SenderRule, client_address
from gateway.domain.mail import POLICY
from gateway.domain.policy import Group, Policy
from gateway.domain.routes import Route
from gateway.domain.statistics import Counter
from gateway.records.port import Records
from gateway.runtime.blocklists import BlockLists
from gateway.runtime.logs import ACTIVITY
from gateway.runtime.outages import Outages
from services.receiver import replies
from services.receiver.admission import Admission, Request, Visitor
from services.receiver.greylisting import Greylist
from services.receiver.probing import Prober
from services.receiver.recipients import Checking, Recipients
from services.receiver.rules import Rules
from tests.support.greylist import MemoryGreylist
from tests.support.mails import NOON
from tests.support.policies import a_policy
from tests.support.ports import free_port
from tests.support.receiving import RULES, NotedEvents
from tests.support.records import MemoryOutages
from tests.support.smtp_peer import smtp_peer
from tests.support.zones import ZoneDns

REQUEST = Request("mx.client.example", "a@client.example", "b@own.example")


class House:
    """A receiver's admission, with all that it asks and tells."""

    def __init__(self, rules: Rules) -> None:
        self.now = NOON
        self.dns = ZoneDns({})
        self.records = NotedEvents()
        outages = Outages(MemoryOutages(), "p1")
        lists = BlockLists(rules.black_lists, self.dns, outages)
        recipients = Recipients(rules.checking, Prober(self.dns, rules.hostname), outages)
        self.greylist = MemoryGreylist()
        greylist = Greylist(rules.greylisting, self.greylist, outages, now=lambda: self.now)
        self.admission = Admission(rules, self.dns, lists, recipients, greylist, cast(Records, self.records))

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
        ' helo=<mx.client.example>, reason="access rule", rule="deny from no_name to *"'
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


CHECKING = replace(a_policy(), check_recipients=True)


@pytest.mark.parametrize(
    ("policies", "recipient", "refused"),
    [
        ({POLICY: CHECKING}, "nobody@own.example", True),
        ({POLICY: CHECKING}, "bob@own.example", False),
        ({POLICY: CHECKING}, "nobody@elsewhere.example", False),
        ({POLICY: a_policy()}, "nobody@own.example", False),
        ({POLICY: a_policy(), "sales": CHECKING}, "nobody@own.example", False),
        ({POLICY: a_policy(), "sales": CHECKING}, "nobody-sales@own.example", True),
        ({POLICY: CHECKING, "sales": a_policy()}, "nobody-sales@own.example", False),
    ],
)
async def test_only_recipients_in_protected_domains_are_checked_where_the_policy_wants_it(
    policies: dict[str, Policy], recipient: str, refused: bool
) -> None:
    sales = Group("sales", ("*",), ("*-sales@own.example",), policies.get("sales", a_policy()))
    house = House(
        replace(
            RULES,
            relay=(RelayRule.parse("allow from any to *"),),
            groups=(sales,),
            policies=policies,
            checking=Checking(known=("bob@own.example",)),
        )
    )

    reply = await house.visitor().refusal(replace(REQUEST, recipient=recipient))

    assert reply is (replies.NO_SUCH_RECIPIENT if refused else None)
    assert house.records.counted[Counter.REFUSED_FOR_UNKNOWN_RECIPIENTS] == refused


async def test_an_allowed_sender_reaches_only_recipients_that_exist() -> None:
    house = House(
        replace(
            RULES,
            senders=(SenderRule.parse("allow from any to *"),),
            policies={POLICY: CHECKING},
            checking=Checking(known=("bob@own.example",)),
        )
    )

    assert await house.visitor().refusal(REQUEST) is replies.NO_SUCH_RECIPIENT


@pytest.mark.parametrize(("accepts", "reply"), [(True, None), (False, replies.RECIPIENT_NOT_SURE)])
async def test_while_the_next_hop_is_away_it_is_as_the_site_wants_it(
    accepts: bool, reply: replies.Reply | None
) -> None:
    away = Route("*", "127.0.0.1", free_port())
    checking = Checking(ask_next_hop=True, routes=(away,), accepts_unsure=accepts)
    house = House(replace(RULES, policies={POLICY: CHECKING}, checking=checking))

    assert await house.visitor().refusal(REQUEST) is reply


GREYLISTING = replace(a_policy(), greylist=True)


@pytest.mark.parametrize(
    ("rules", "client", "has_to_come_again"),
    [
        (RULES, "192.0.2.7", True),
        (replace(RULES, senders=(SenderRule.parse("allow from client.example to *"),)), "192.0.2.7", False),
        (replace(RULES, relay=(RelayRule.parse("allow from 192.0.2.0/24 to *"),)), "192.0.2.7", False),
    ],
    ids=["stranger", "allowed sender", "own network"],
)
async def test_a_stranger_has_to_come_again(rules: Rules, client: str, has_to_come_again: bool) -> None:
    house = House(replace(rules, policies={POLICY: GREYLISTING}))

    reply = await house.visitor(client).refusal(REQUEST)

    assert reply is (replies.COME_AGAIN if has_to_come_again else None)
    assert house.records.counted[Counter.REFUSED_FOR_GREYLISTING] == has_to_come_again


async def test_who_may_send_for_a_domain_may_come_again_from_any_of_its_servers() -> None:
    house = House(replace(RULES, policies={POLICY: GREYLISTING}))
    house.dns.records["client.example txt"] = ["v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 -all"]
    assert await house.visitor("192.0.2.7").refusal(REQUEST) is replies.COME_AGAIN

    house.now += timedelta(minutes=5)

    assert await house.visitor("203.0.113.9").refusal(REQUEST) is replies.COME_AGAIN
    assert await house.visitor("198.51.100.9").refusal(REQUEST) is None


async def test_greylisting_is_for_the_groups_that_want_it() -> None:
    sales = Group("sales", ("*",), ("*-sales@own.example",), GREYLISTING)
    house = House(replace(RULES, groups=(sales,), policies={POLICY: a_policy(), "sales": GREYLISTING}))
    to_sales = replace(REQUEST, recipient="b-sales@own.example")

    assert await house.visitor().refusal(REQUEST) is None
    assert await house.visitor().refusal(to_sales) is replies.COME_AGAIN


async def test_a_stranger_makes_us_try_no_names_on_the_next_hop() -> None:
    policy = replace(GREYLISTING, check_recipients=True)
    async with smtp_peer() as peer:
        checking = Checking(ask_next_hop=True, routes=(Route("*", peer.host, peer.port),))
        house = House(replace(RULES, policies={POLICY: policy}, checking=checking))

        assert await house.visitor().refusal(REQUEST) is replies.COME_AGAIN
        assert peer.sessions == 0


async def test_a_recipient_that_is_known_not_to_exist_is_refused_at_once() -> None:
    policy = replace(GREYLISTING, check_recipients=True)
    house = House(replace(RULES, policies={POLICY: policy}, checking=Checking(known=("c@own.example",))))

    assert await house.visitor().refusal(REQUEST) is replies.NO_SUCH_RECIPIENT
    assert not house.greylist.asked
