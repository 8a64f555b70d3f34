"""The end of data is CRLF.CRLF and nothing else: no other form ends a message, or leaves the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.embedded import Embedded, embedded
from tests.support.passage import an_address
from tests.support.posting import added_on_top
from tests.support.smtp_client import RawClient, greeted

pytestmark = pytest.mark.asyncio(loop_scope="module")

FALSE_ENDS = {
    "LF . LF": b"\n.\n",
    "LF . CRLF": b"\n.\r\n",
    "CRLF . LF": b"\r\n.\n",
    "CR . CR": b"\r.\r",
    "CR . CRLF": b"\r.\r\n",
    "CRLF . CR": b"\r\n.\r",
    "LF . CR": b"\n.\r",
    "CR . LF": b"\r.\n",
    "CR CRLF . CRLF": b"\r\r\n.\r\r\n",
    "CRLF . CR CRLF": b"\r\n.\r\r\n",
    "LF CR . LF CR": b"\n\r.\n\r",
    "LF CR LF . LF": b"\n\r\n.\n",
    "CRLF NUL . CRLF": b"\r\n\0.\r\n",
    "CRLF . NUL CRLF": b"\r\n.\0\r\n",
    "LF . . LF": b"\n..\n",
    "LF LF . LF LF": b"\n\n.\n\n",
}
"""What one server or another has taken for the end of data (SMTP smuggling)."""

SMUGGLED = b"MAIL FROM:<smuggled@client.example>%bRCPT TO:<%b>%bDATA%bSubject: smuggled%b%bhello"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    settings = {"smtpgw.policy ActionSpam": "none"}  # nothing in what arrives is to be the filter's
    async with embedded(tmp_path_factory.mktemp("site"), settings=settings) as running:
        yield running


@pytest.mark.parametrize("false_end", FALSE_ENDS.values(), ids=FALSE_ENDS.keys())
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n", b"\r"], ids=["CRLF", "LF", "CR"])
async def test_what_is_not_the_end_of_data_smuggles_no_second_message(
    gateway: Embedded, false_end: bytes, line_end: bytes
) -> None:
    to, smuggled_to = an_address(), an_address()
    commands = SMUGGLED % (line_end, smuggled_to.encode(), *(line_end,) * 4)
    async with greeted(gateway.site.smtp_port) as client:
        await _begin_data(client, to)
        await client.send(b"Subject: one\r\n\r\nbefore" + false_end + commands + b"\r\n.\r\n")
        answered = await client.reply()
        goodbye = await client.say("QUIT")
    await gateway.send(b"Subject: the next\r\n\r\n")

    received = await gateway.arrival(to)
    assert (answered[:3], goodbye[:3]) == ("250", "221")
    assert b"before" in received.body
    assert b"hello" in received.body
    assert _is_free_of_bare_line_ends(received.body)
    assert not gateway.arrived(smuggled_to)
    assert not [command for command in gateway.next_hop.commands if "smuggled" in command]


@pytest.mark.parametrize("cut", range(1, 5))
async def test_an_end_of_data_that_comes_in_pieces_is_the_end(gateway: Embedded, cut: int) -> None:
    to = an_address()
    end = b"\r\n.\r\n"
    async with greeted(gateway.site.smtp_port) as client:
        await _begin_data(client, to)
        await client.send(b"Subject: one\r\n\r\ntext" + end[:cut])
        await client.send(end[cut:])
        answered = await client.reply()

    received = await gateway.arrival(to)
    assert answered[:3] == "250"
    added_on_top(received.body, b"Subject: one\r\n\r\ntext\r\n")


async def test_commands_behind_the_end_of_data_are_obeyed(gateway: Embedded) -> None:
    first, second = an_address(), an_address()
    pipelined = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<%b>\r\nDATA\r\n" % second.encode()
    async with greeted(gateway.site.smtp_port) as client:
        await _begin_data(client, first)
        await client.send(b"Subject: one\r\n\r\n.\r\n" + pipelined)
        answered = await client.replies(4)
        await client.send(b"Subject: two\r\n\r\n.\r\n")
        answered.append(await client.reply())

    assert [reply[:3] for reply in answered] == ["250", "250", "250", "354", "250"]
    added_on_top((await gateway.arrival(first)).body, b"Subject: one\r\n\r\n")
    added_on_top((await gateway.arrival(second)).body, b"Subject: two\r\n\r\n")


async def test_bare_line_ends_arrive_as_crlf(gateway: Embedded) -> None:
    received = await gateway.send(b"Subject: bare\r\n\r\none\ntwo\rthree\r\n")

    added_on_top(received.body, b"Subject: bare\r\n\r\none\r\ntwo\r\nthree\r\n")


async def _begin_data(client: RawClient, to: str) -> None:
    await client.say("MAIL FROM:<from@client.example>")
    await client.say(f"RCPT TO:<{to}>")
    assert (await client.say("DATA"))[:3] == "354"


def _is_free_of_bare_line_ends(message: bytes) -> bool:
    return message.count(b"\r") == message.count(b"\n") == message.count(b"\r\n")
