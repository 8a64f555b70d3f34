"""`smtpgw` over RabbitMQ and PostgreSQL: the same stories, with several processes a stage and a watchdog."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from email import message_from_bytes
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from services.api.tokens import Role, line_of, new_token
from tests.support.awkward import AWKWARD
from tests.support.mended import mended
from tests.support.passage import ENDS_WITHIN, an_address
from tests.support.postgres import postgres_database
from tests.support.posting import added_on_top
from tests.support.rabbitmq import broker, forget
from tests.support.s3 import s3_server
from tests.support.samples import plain, virus_test_file, with_attachment
from tests.support.standing import Standing, standing
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = new_token()
PROCESSES = {"receiver": 2, "antispam": 2, "scanner": 2, "sender": 2, "api": 1}
GROUPS = """
[smtpgw.group:passing]
Recipients=*@passing.example
ActionSpam=none
ActionInfected=pass
ActionSuspicious=pass
ActionProtected=pass
ActionError=pass

[smtpgw.group:blocking]
Recipients=*@blocking.example
BlockMessage=infected
"""
BAD = with_attachment("spam is bad do not send it", virus_test_file())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    folder, namespace = tmp_path_factory.mktemp("site"), f"shape-{uuid4().hex}"
    (folder / "tokens").write_text(line_of("tests", Role.VIEWER, TOKEN) + "\n")
    with broker() as bus_url, postgres_database() as records_url:
        try:
            async with standing(
                folder,
                options=("--watchdog-timeout", "10"),
                bus_url=bus_url,
                namespace=namespace,
                records_url=records_url,
                settings={
                    f"gateway.processes {name.title()}": str(count)
                    for name, count in PROCESSES.items()
                    if count > 1
                },
                groups=GROUPS,
            ) as running:
                yield running
        finally:
            await forget(bus_url, namespace)


async def test_what_no_action_touches_arrives_as_it_was_sent(gateway: Standing) -> None:
    sending = (gateway.send(sent, domain="passing.example") for sent in AWKWARD.values())
    arrived = await asyncio.gather(*sending)

    for received, sent in zip(arrived, AWKWARD.values(), strict=True):
        assert b"Received" in added_on_top(received.body, mended(sent))


async def test_each_group_has_a_copy_that_its_own_policy_made(gateway: Standing) -> None:
    blocking, passing, other = (
        an_address(domain) for domain in ("blocking.example", "passing.example", "other.example")
    )
    await gateway.post(BAD, blocking, passing, other)

    untouched, treated = await gateway.arrival(passing), await gateway.arrival(other)
    await gateway.says(f"BLOCKED, rcpt={blocking}")
    added_on_top(untouched.body, BAD)
    assert message_from_bytes(treated.body)["Subject"].startswith("[!! SPAM] ")
    assert virus_test_file() not in treated.body
    assert not gateway.arrived(blocking)


async def test_a_refusal_for_good_is_told_to_the_sender(gateway: Standing) -> None:
    sender, to = an_address("client.example"), an_address()
    gateway.next_hop.answers[f"RCPT TO:<{to}>"] = "550 5.1.1 no such user here"
    await gateway.post(plain("Lunch on Friday?"), to, sender=sender)

    report = await gateway.arrival(sender)
    assert report.mail_from.startswith("MAIL FROM:<>")
    assert f"Final-Recipient: rfc822; {to}".encode() in report.body


async def test_the_journey_of_a_mail_can_be_read_whichever_processes_it_passed(gateway: Standing) -> None:
    received = await gateway.send(plain("Lunch on Friday?"))
    mail_id = received.body.partition(b" id ")[2].split()[0].rstrip(b";").decode()

    url = f"http://{gateway.site.environment['SMTPGW_GATEWAY_API_LISTEN']}/v1/messages/{mail_id}"
    kinds: list[str] = []
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        async with asyncio.timeout(ENDS_WITHIN):
            while len(kinds) < 5:  # each process writes down what it did about a second behind
                steps = (await client.get(url)).json().get("steps", ())
                kinds = [step["kind"] for step in steps if step["kind"] != "Moved"]
    assert kinds == ["Entered", "Analysed", "Scanned", "Tried", "Ended"]


async def test_each_stage_has_as_many_processes_as_the_configuration_says(gateway: Standing) -> None:
    counts = {service: len(gateway.services(f"services.{service}")) for service in PROCESSES}

    assert counts == PROCESSES


@pytest.mark.parametrize("service", ["receiver", "antispam", "scanner", "sender", "api"])
async def test_a_process_that_is_killed_is_replaced_and_the_log_names_it(
    gateway: Standing, service: str
) -> None:
    victim, *_ = gateway.services(f"services.{service}")
    victim.kill()

    await gateway.says(rf"{service}(-\d)? was killed by SIGKILL")
    await until(lambda: len(gateway.services(f"services.{service}")) == PROCESSES[service])
    assert victim not in gateway.services(f"services.{service}")
    added_on_top((await gateway.send(plain("Lunch?"), domain="passing.example")).body, plain("Lunch?"))


async def test_a_process_that_hangs_is_replaced_and_what_it_held_is_delivered(gateway: Standing) -> None:
    victim, _ = gateway.services("services.scanner")
    victim.send_signal(signal.SIGSTOP)
    addresses = [an_address() for _ in range(40)]
    replies = await asyncio.gather(*(gateway.post(plain("Lunch?"), to) for to in addresses))

    await gateway.says(r"scanner-\d was ended, since nothing was heard from scanner")
    await asyncio.gather(*(gateway.arrival(to) for to in addresses))
    await until(lambda: len(gateway.services("services.scanner")) == 2)
    assert set(replies) == {"250 2.1.0 OK"}
    assert victim not in gateway.services("services.scanner")


async def test_bodies_may_lie_in_an_object_store(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server() as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        settings = {
            "gateway.blobs Url": f"s3://{store.bucket}/mail",
            "gateway.blobs Endpoint": store.endpoint,
        }
        async with standing(tmp_path_factory.mktemp("s3"), settings=settings, groups=GROUPS) as gateway:
            large = plain("large", (b"0123456789" * 7 + b"\r\n") * 28_000)
            for sent in (plain("Lunch on Friday?"), large, BAD):
                received = await gateway.send(sent, domain="passing.example")
                added_on_top(received.body, sent)

            treated = await gateway.send(BAD)
            assert virus_test_file() not in treated.body
            assert not list((gateway.site.folder / "queue").rglob("*bodies*"))
