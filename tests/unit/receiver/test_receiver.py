"""What becomes of a message: the promise of 250, copies, and what happens when it cannot be kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.errors import ConfigError
from gateway.domain.journey import Entered
from gateway.domain.mail import POLICY
from gateway.domain.pipeline import Stage
from gateway.domain.policy import Group
from gateway.domain.statistics import Counter
from gateway.domain.storage import Storage, StorageKind
from services.receiver import spool
from tests.support.policies import a_policy
from tests.support.receiving import NOW, RULES, Running, receiving
from tests.support.smtp_client import RawClient, connected, greeted

TO_B = ("b@own.example",)
SALES = Group("sales", ("*@*",), ("s@own.example",), a_policy())
POLICIES = {POLICY: a_policy(), "sales": SALES.policy}


async def send(
    client: RawClient, recipients: tuple[str, ...] = TO_B, message: bytes = b"Subject: x\r\n\r\nx\r\n"
) -> list[str]:
    """The replies to MAIL, to each RCPT, to DATA, and to the message."""
    answers = [await client.say("MAIL FROM:<a@client.example> RET=HDRS BODY=8BITMIME ENVID=e1")]
    answers += [await client.say(f"RCPT TO:<{address}> NOTIFY=DELAY") for address in recipients]
    answers.append(await client.say("DATA"))
    if answers[-1].startswith("354"):
        await client.send(message + b".\r\n")
        answers.append(await client.reply())
    return answers


async def test_a_message_is_handed_to_the_first_stage_with_its_envelope() -> None:
    async with receiving() as running, greeted(running.port) as client:
        await send(client, message=b"Message-ID: <1@client.example>\r\n\r\nx\r\n")

        ((stage, mail),) = running.bus.published
        assert stage is Stage.ANTISPAM
        assert (mail.id, mail.source_id, mail.group) == ("m1", "m1", POLICY)
        assert mail.message_id == "<1@client.example>"
        assert mail.envelope.sender == "a@client.example"
        assert [to.address for to in mail.envelope.recipients] == ["b@own.example"]
        assert (mail.envelope.helo, mail.envelope.protocol) == ("client.example", "ESMTP")
        assert (mail.envelope.envelope_id, mail.envelope.eight_bit) == ("e1", True)
        assert mail.envelope.received_at == NOW
        assert mail.top.startswith(
            b"Received: from client.example ([127.0.0.1])\r\n\tby gw.example with ESMTP id m1"
        )
        assert await running.blobs.read(mail.body) == b"Message-ID: <1@client.example>\r\n\r\nx\r\n"
        assert running.records.events == [Entered(mail, Stage.ANTISPAM, NOW)]


async def test_recipients_of_two_groups_get_two_copies_of_one_body(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "gateway.mail")
    rules = replace(RULES, groups=(SALES,), policies=POLICIES)
    async with receiving(rules) as running, greeted(running.port) as client:
        answers = await send(client, ("b@own.example", "s@own.example", "c@own.example"))

        assert answers[-1] == "250 2.1.0 OK"
        policy, sales = running.mails
        assert [to.address for to in policy.envelope.recipients] == ["b@own.example", "c@own.example"]
        assert [to.address for to in sales.envelope.recipients] == ["s@own.example"]
        assert (policy.id, policy.source_id, sales.id, sales.source_id) == ("m1", "m1", "m2", "m1")
        assert sales.body == policy.body
        assert (b"id m1" in policy.top, b"id m2" in sales.top) == (True, True)
        assert len(running.records.events) == 2
        words = [
            record.getMessage().partition(",")[0]
            for record in caplog.records
            if record.name == "gateway.mail"
        ]
        assert words == ["RECEIVED", "SPLITTED", "SPLITTED"]


async def test_mail_between_strangers_goes_straight_to_the_sender() -> None:
    rules = replace(RULES, protected_domains=("other.example",))
    async with receiving(rules) as running, greeted(running.port) as client:
        await send(client)

        assert [stage for stage, _ in running.bus.published] == [Stage.SENDER]


async def test_while_the_bus_is_away_the_client_is_asked_to_come_again() -> None:
    async with receiving() as running, greeted(running.port) as client:
        running.bus.away = True
        refused = await send(client)
        running.bus.away = False

        taken = await send(client)

        assert refused[-1].startswith("451 4.3.0")
        assert taken[-1] == "250 2.1.0 OK"
        assert [mail.id for mail in running.mails] == ["m2"]
        assert len(running.records.events) == 1


async def test_the_archive_has_the_whole_message_once_before_any_stage_has_it() -> None:
    rules = replace(
        RULES, groups=(SALES,), policies=POLICIES, archive=Storage(StorageKind.INCOMING, "/arch_in")
    )
    async with receiving(rules) as running, greeted(running.port) as client:
        running.bus.away = True
        await send(client, ("b@own.example", "s@own.example"), b"Subject: hi\r\n\r\nx\r\n")

        [entry] = running.shelf.kept
        assert (entry.id, entry.status, entry.storage) == ("m1", "RCV", "/arch_in")
        assert [to.address for to in entry.mail.envelope.recipients] == ["b@own.example", "s@own.example"]
        message = running.shelf.message(entry)
        assert message.startswith(b"Received: from client.example ")
        assert message.endswith(b"\r\nSubject: hi\r\n\r\nx\r\n")


async def test_a_message_that_the_archive_cannot_take_is_not_accepted() -> None:
    rules = replace(RULES, archive=Storage(StorageKind.INCOMING, "/arch_in"))
    async with receiving(rules) as running, greeted(running.port) as client:
        running.shelf.place.full = True

        answers = await send(client)

        assert answers[-1].startswith("451 4.3.0")
        assert running.mails == []


async def test_while_records_pile_up_no_message_is_begun() -> None:
    async with receiving() as running, greeted(running.port) as client:
        running.records.ready = False

        assert (await client.say("MAIL FROM:<a@client.example>")).startswith("451 4.3.0")


async def test_while_room_is_short_no_message_is_begun_and_once_there_is_some_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "services.receiver.spool")
    monkeypatch.setattr(spool, "ROOM_IS_KNOWN_FOR", 0.0)
    rules = replace(RULES, limits=replace(RULES.limits, free_space=3 << 20))
    async with receiving(rules) as running, greeted(running.port) as client:
        running.blobs.free = (3 << 20) - 1
        refused = [await client.say("MAIL FROM:<a@client.example>") for _ in range(2)]
        running.blobs.free = 3 << 20

        assert [reply[:9] for reply in refused] == ["452 4.3.1"] * 2
        assert (await send(client))[-1] == "250 2.1.0 OK"
        assert caplog.messages == [
            "receiving pauses: less than 3 MB are free",
            "receiving goes on: there is room again",
        ]
        assert running.records.counted[Counter.RECEIVINGS_REFUSED] == 2


async def test_a_message_that_finds_no_room_is_read_to_its_end_and_refused() -> None:
    async with receiving() as running, greeted(running.port) as client:
        running.blobs.is_full = True

        answers = await send(client)

        assert answers[-1].startswith("452 4.3.1")
        assert await client.say("NOOP") == "250 2.0.0 OK"
        assert running.mails == []


async def test_a_refused_message_leaves_no_body() -> None:
    rules = replace(RULES, limits=replace(RULES.limits, hops=0))
    async with receiving(rules) as running, greeted(running.port) as client:
        answers = await send(client, message=b"Received: from x\r\n\r\n")

        assert answers[-1].startswith("554 5.4.6")
        assert running.blobs.bodies == []


async def test_the_body_is_safe_before_the_bus_has_the_mail_and_250_comes_last() -> None:
    async with receiving() as running, greeted(running.port) as client:
        running.bus.let_go.clear()
        await client.send(b"MAIL FROM:<>\r\nRCPT TO:<b@own.example>\r\nDATA\r\n\r\nx\r\n.\r\n")
        await client.replies(3)

        reply = asyncio.create_task(client.reply())
        await running.bus.asked.wait()

        assert running.blobs.bodies == [b"\r\nx\r\n"]
        assert not reply.done()
        running.bus.let_go.set()
        assert await reply == "250 2.1.0 OK"


async def test_a_suspended_receiver_turns_clients_away_and_ends_sessions_at_their_next_message() -> None:
    async with receiving() as running, greeted(running.port) as client:
        running.suspended = True

        assert await turned_away(running)
        assert await client.say("NOOP") == "250 2.0.0 OK"
        assert (await client.say("MAIL FROM:<a@client.example>")).startswith("421 4.3.2")
        running.suspended = False
        async with greeted(running.port) as again:
            assert (await send(again))[-1] == "250 2.1.0 OK"


async def turned_away(running: Running) -> bool:
    async with connected(running.port) as client:
        return (await client.reply()).startswith("421 4.3.2") and await client.is_closed()


async def test_a_receiver_that_stops_ends_idle_sessions_and_lets_messages_be_finished() -> None:
    async with receiving() as running, greeted(running.port) as idle, greeted(running.port) as busy:
        await busy.send(b"MAIL FROM:<>\r\nRCPT TO:<b@own.example>\r\nDATA\r\nx\r\n")
        await busy.replies(3)

        port = running.port
        stopping = asyncio.create_task(running.receiver.stop())

        assert (await idle.reply()).startswith("421 4.3.2")
        assert await idle.is_closed()
        await busy.send(b".\r\n")
        assert await busy.reply() == "250 2.1.0 OK"
        assert (await busy.reply()).startswith("421 4.3.2")
        assert await busy.is_closed()
        await stopping
        with pytest.raises(ConnectionRefusedError):
            async with connected(port):
                pass


async def test_a_message_that_is_not_finished_in_time_is_cut_off_by_the_stop() -> None:
    async with receiving() as running, greeted(running.port) as client:
        await client.send(b"MAIL FROM:<>\r\nRCPT TO:<b@own.example>\r\nDATA\r\nx\r\n")
        await client.replies(3)

        await running.receiver.stop(within=0.01)

        assert await client.is_closed()
        assert (running.mails, running.blobs.bodies) == ([], [])


async def test_many_sessions_at_once_each_get_their_message_through() -> None:
    async def one(running: Running, number: int) -> str:
        async with greeted(running.port) as client:
            return (await send(client, message=b"\r\n" + b"%d\r\n" % number * 1000))[-1]

    async with receiving(
        replace(RULES, limits=replace(RULES.limits, sessions=50, sessions_per_ip=50))
    ) as running:
        answers = await asyncio.gather(*(one(running, number) for number in range(50)))

        assert set(answers) == {"250 2.1.0 OK"}
        stored = {await running.blobs.read(mail.body) for mail in running.mails}
        assert stored == {b"\r\n" + b"%d\r\n" % number * 1000 for number in range(50)}
        assert len({mail.id for mail in running.mails}) == 50


async def test_a_port_in_use_is_said_with_its_place_and_remedy() -> None:
    async with receiving() as running:
        with pytest.raises(
            ConfigError, match=rf"ListenOn=127\.0\.0\.1:{running.port}: the port is in use: .*choose"
        ):
            running.receiver.listen([("127.0.0.1", running.port)])


async def test_an_address_of_another_machine_is_said_with_its_place_and_remedy() -> None:
    async with receiving() as running:
        with pytest.raises(ConfigError, match=r"ListenOn=192\.0\.2\.1:2525: no interface has this address"):
            running.receiver.listen([("192.0.2.1", 2525)])
