"""One message to several groups: a copy for each, treated by its own policy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.domain.journey import Ending
from gateway.domain.policy import ObjectStatus
from tests.support.embedded import Embedded, embedded
from tests.support.passage import an_address
from tests.support.posting import added_on_top
from tests.support.samples import virus_test_file, with_attachment

pytestmark = pytest.mark.asyncio(loop_scope="module")

GROUPS = """
[smtpgw.group:careful]
Recipients=*@careful.example
ActionSpam=subject
ActionInfected=placeholder

[smtpgw.group:trusting]
Recipients=*@trusting.example
ActionSpam=none
ActionInfected=pass

[smtpgw.group:blocking]
Recipients=*@blocking.example
BlockMessage=infected

[smtpgw.group:boss]
Senders=boss@*
CheckSpam=false
CheckAV=false
AddXHeader=false

[smtpgw.group:nobody]
Senders=
Recipients=*
BlockMessage=as/spam
"""

SENT = with_attachment("Offer: spam is bad do not send it", virus_test_file())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    async with embedded(tmp_path_factory.mktemp("site"), groups=GROUPS) as running:
        yield running


async def test_each_group_has_a_copy_that_its_own_policy_made(gateway: Embedded) -> None:
    careful, trusting = an_address("careful.example"), an_address("trusting.example")
    await gateway.post(SENT, careful, trusting)

    changed, untouched = await gateway.arrival(careful), await gateway.arrival(trusting)
    assert b"Subject: [!! SPAM] Offer:" in changed.body
    assert virus_test_file() not in changed.body
    assert b"removed the attachment" in changed.body
    assert b"X-SpamTest-Status" in added_on_top(untouched.body, SENT)


async def test_recipients_of_one_group_share_a_copy_and_know_nothing_of_another(gateway: Embedded) -> None:
    ours = [an_address("careful.example"), an_address("careful.example")]
    theirs = [an_address("trusting.example"), an_address("trusting.example")]
    await gateway.post(SENT, ours[0], theirs[0], ours[1], theirs[1])

    for members, others in ((ours, theirs), (theirs, ours)):
        received = await gateway.arrival(members[0])
        assert received.rcpt_to == tuple(f"RCPT TO:<{address}>" for address in members)
        assert not [address for address in others if address.encode() in received.body]


async def test_a_copy_that_is_blocked_leaves_the_other_to_be_delivered(gateway: Embedded) -> None:
    blocking, trusting = an_address("blocking.example"), an_address("trusting.example")
    await gateway.post(SENT, blocking, trusting)

    blocked, delivered = await gateway.ended(blocking), await gateway.ended(trusting)
    assert (blocked.state, delivered.state) == (Ending.BLOCKED, Ending.DELIVERED)
    assert (blocked.group, delivered.group) == ("blocking", "trusting")
    assert blocked.source_id == delivered.source_id
    assert not gateway.arrived(blocking)


async def test_copies_are_told_apart_by_id_and_come_from_one_message(gateway: Embedded) -> None:
    addresses = [an_address(domain) for domain in ("careful.example", "trusting.example", "other.example")]
    await gateway.post(SENT, *addresses)

    copies = [await gateway.ended(address) for address in addresses]
    assert [copy.group for copy in copies] == ["careful", "trusting", ""]
    assert len({copy.id for copy in copies}) == 3
    assert {copy.source_id for copy in copies} == {copies[0].id}


async def test_what_no_group_claims_is_treated_by_the_policy(gateway: Embedded) -> None:
    received = await gateway.send(SENT, domain="other.example")

    assert b"Subject: [!! SPAM] Offer:" in received.body
    assert virus_test_file() not in received.body
    assert b"removed the attachment" not in received.body


@pytest.mark.parametrize(("domain", "group"), [("careful.example", "careful"), ("other.example", "boss")])
async def test_the_first_group_of_the_file_that_matches_sender_and_recipient_has_the_mail(
    gateway: Embedded, domain: str, group: str
) -> None:
    address = an_address(domain)
    await gateway.post(SENT, address, sender="boss@client.example")

    assert (await gateway.ended(address)).group == group


async def test_one_examination_serves_copies_with_different_treatments(gateway: Embedded) -> None:
    addresses = [an_address("careful.example"), an_address("trusting.example")]
    await gateway.post(SENT, *addresses)

    scans = [await gateway.steps((await gateway.ended(address)).id, "Scanned") for address in addresses]
    assert [scan[0]["status"] for scan in scans] == [ObjectStatus.INFECTED] * 2
