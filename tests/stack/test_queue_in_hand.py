"""What an operator does with the queue and the sender of a gateway of real processes, in both shapes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from services.api.tokens import Role, line_of, new_token
from tests.support.klmailq import klmailq, klmailq_process
from tests.support.passage import ENDS_WITHIN, an_address
from tests.support.postgres import postgres_database
from tests.support.rabbitmq import broker, forget
from tests.support.samples import plain
from tests.support.standing import Standing, standing
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENT = plain("Lunch on Friday?")
TOKEN = new_token()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["embedded", "pipeline"])
async def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Standing]:
    folder, namespace = tmp_path_factory.mktemp("site"), f"hand-{uuid4().hex}"
    (folder / "tokens").write_text(line_of("tests", Role.OPERATOR, TOKEN) + "\n")
    async with AsyncExitStack() as stack:
        bus_url, records_url = "embedded:", ""
        if request.param == "pipeline":
            bus_url = stack.enter_context(broker())
            records_url = stack.enter_context(postgres_database())
            stack.push_async_callback(forget, bus_url, namespace)
        yield await stack.enter_async_context(
            standing(
                folder,
                bus_url=bus_url,
                namespace=namespace,
                records_url=records_url,
                settings={"gateway.processes Sender": "2"},
            )
        )


async def ask(gateway: Standing, method: str, path: str) -> httpx.Response:
    url = f"http://{gateway.site.environment['SMTPGW_GATEWAY_API_LISTEN']}{path}"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        return await client.request(method, url)


async def in_queue(gateway: Standing, to: str, *, waits: bool = False) -> dict[str, object]:
    """The one mail to that recipient, when it is ready to be sent, or waits for its next try."""
    async with asyncio.timeout(ENDS_WITHIN):
        while True:
            mails = (await ask(gateway, "GET", f"/v1/queue?recipient={to}&state=QUE")).json()["mails"]
            if mails and (mails[0]["next_try_at"] or not waits):
                return dict(mails[0])
            await asyncio.sleep(0.05)


async def deferred(gateway: Standing) -> tuple[str, str]:
    """A mail that waits for half an hour: its recipient, and its id."""
    to = an_address()
    gateway.next_hop.answers[f"RCPT TO:<{to}>"] = "451 4.7.1 greylisted, come again"
    await gateway.post(SENT, to)
    mail = await in_queue(gateway, to, waits=True)
    del gateway.next_hop.answers[f"RCPT TO:<{to}>"]
    return to, str(mail["id"])


async def test_an_operator_has_mail_sent_at_once(gateway: Standing) -> None:
    to, mail_id = await deferred(gateway)

    ran = await klmailq_process(gateway.site, "-o", mail_id)

    assert (ran.code, ran.lines) == (0, [f"Message with QueueID {mail_id} will be sent asap."])
    await gateway.arrival(to)


async def test_an_operator_removes_mail_for_good(gateway: Standing) -> None:
    removed, mail_id = await deferred(gateway)
    other, _ = await deferred(gateway)

    ran = await klmailq(gateway.site, "-d", mail_id)
    sent = await klmailq(gateway.site, "--send-all")

    assert (ran.code, ran.lines) == (0, [f"Message with QueueID {mail_id} has been removed."])
    assert sent.lines == ["Total: 1 queued messages will be sent asap."]
    await gateway.arrival(other)
    assert not gateway.arrived(removed)


async def test_what_an_operator_ordered_holds_over_a_restart_also_what_he_orders_meanwhile(
    gateway: Standing,
) -> None:
    hurried, hurried_id = await deferred(gateway)
    removed, removed_id = await deferred(gateway)
    held = an_address()
    assert (await ask(gateway, "POST", "/v1/modules/sender/suspend")).status_code == 200
    await gateway.post(SENT, held)
    held_id = (await in_queue(gateway, held))["id"]

    await asyncio.to_thread(gateway.command.stop)
    sent_early = await klmailq(gateway.site, "-o", hurried_id)
    taken_out = await klmailq(gateway.site, "-d", removed_id)
    await asyncio.to_thread(gateway.command.start)
    await until(lambda: gateway.site.log.count("the gateway has started") == 2)

    listed = await klmailq(gateway.site, "-s")
    assert (sent_early.code, taken_out.code) == (0, 0)
    assert "the sender is suspended" in sent_early.complaints
    assert {line.split()[0] for line in listed.lines[1:-1]} == {hurried_id, held_id}
    assert not gateway.arrived(hurried) + gateway.arrived(held)

    assert (await ask(gateway, "POST", "/v1/modules/sender/resume")).status_code == 200
    await gateway.arrival(hurried)
    await gateway.arrival(held)
    assert not gateway.arrived(removed)
