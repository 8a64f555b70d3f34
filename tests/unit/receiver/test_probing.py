from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.domain.routes import Route
from services.receiver import probing
from services.receiver.probing import Answer, Away, NoAnswer, Prober, takes
from tests.support.certificates import host_certificate
from tests.support.dns import Zone
from tests.support.ports import free_port
from tests.support.smtp_peer import HANG_UP, SILENCE, SmtpPeer, smtp_peer
from tests.support.zones import ZoneDns

BOB = "bob@own.example"


def route_to(peer: SmtpPeer) -> Route:
    return Route("*", peer.host, peer.port)


async def ask(peer: SmtpPeer, address: str = BOB) -> bool:
    return await Prober(ZoneDns({}), "gw.example").ask(route_to(peer), address)


async def test_a_next_hop_is_asked_under_the_null_sender_and_gets_no_message() -> None:
    async with smtp_peer() as peer:
        assert await ask(peer)

        assert peer.commands[:3] == ["EHLO gw.example", "MAIL FROM:<>", f"RCPT TO:<{BOB}>"]
        assert not peer.received


async def test_a_next_hop_without_esmtp_is_asked_all_the_same() -> None:
    async with smtp_peer() as peer:
        peer.answers["EHLO"] = "502 5.5.1 what?"

        assert await ask(peer)
        assert "HELO gw.example" in peer.commands


async def test_a_next_hop_behind_lmtp_is_greeted_in_its_own_way(tmp_path: Path) -> None:
    async with smtp_peer() as peer, smtp_peer(socket_path=tmp_path / "lmtp") as socket:
        peer.lmtp = socket.lmtp = True
        for route in (
            Route("*", peer.host, peer.port, lmtp=True),
            Route("*", f"unix:{tmp_path}/lmtp", lmtp=True),
        ):
            assert await Prober(ZoneDns({}), "gw.example").ask(route, BOB)

        assert peer.commands[0] == socket.commands[0] == "LHLO gw.example"


@pytest.mark.parametrize(
    ("reply", "taken"),
    [
        ("250 2.1.5 OK", True),
        ("251 will forward", True),
        ("250-yes\r\n250 and more", True),
        ("550 5.1.1 no such user", False),
        ("550 no such user", False),
        ("553 5.1.3 what name is this", False),
        ("550 5.2.1 mailbox disabled", False),
        ("550", False),
    ],
)
async def test_what_is_said_of_the_recipient_is_the_answer(reply: str, taken: bool) -> None:
    async with smtp_peer() as peer:
        peer.answers["RCPT"] = reply

        assert await ask(peer) is taken


@pytest.mark.parametrize(
    "reply", ["450 4.2.0 later", "550 5.7.1 not from you", "530 5.7.0 say STARTTLS first", "552 5.2.2 full"]
)
async def test_what_is_said_of_something_else_is_no_answer(reply: str) -> None:
    async with smtp_peer() as peer:
        peer.answers["RCPT"] = reply

        with pytest.raises(NoAnswer, match=reply[:3]) as raised:
            await ask(peer)
        assert not isinstance(raised.value, Away)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("greeting", "554 go away"),
        ("greeting", HANG_UP),
        ("greeting", "hello friend"),
        ("greeting", "\r\n"),
        ("EHLO", "421 4.3.2 closing"),
        ("EHLO", HANG_UP),
        ("MAIL", "550 5.7.1 not you"),
        ("RCPT", HANG_UP),
        ("RCPT", "250-" + "x" * 4096),
        ("RCPT", "250-x\r\n" * 200),
    ],
)
async def test_a_next_hop_that_does_not_get_so_far_is_away(command: str, answer: str) -> None:
    async with smtp_peer() as peer:
        peer.answers[command] = answer

        with pytest.raises(Away):
            await ask(peer)


async def test_a_next_hop_that_is_not_there_is_away() -> None:
    with pytest.raises(Away):
        await Prober(ZoneDns({}), "gw.example").ask(Route("*", "127.0.0.1", free_port()), BOB)


async def test_a_silent_next_hop_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "LONGEST_PROBE", 0.05)
    async with smtp_peer() as peer:
        peer.answers["RCPT"] = SILENCE

        with pytest.raises(Away, match="no answer within"):
            await ask(peer)


@pytest.mark.parametrize(
    ("zone", "by_mx"),
    [
        ({"hop.example A": ["127.0.0.1"]}, False),
        ({"hop.example MX": ["10 mx.hop.example"], "mx.hop.example A": ["127.0.0.1"]}, True),
        ({"hop.example A": ["127.0.0.1"]}, True),
    ],
)
async def test_a_next_hop_is_found_by_its_name_or_its_mail_exchangers(zone: Zone, by_mx: bool) -> None:
    async with smtp_peer() as peer:
        route = Route("*", "hop.example", peer.port, by_mx)

        assert await Prober(ZoneDns(zone), "gw.example").ask(route, BOB)


async def test_the_next_address_is_tried_when_one_is_away() -> None:
    zone = {"hop.example A": ["127.0.0.9", "127.0.0.1"]}
    async with smtp_peer() as peer:
        assert await Prober(ZoneDns(zone), "gw.example").ask(Route("*", "hop.example", peer.port), BOB)


async def test_a_next_hop_without_an_address_is_away() -> None:
    with pytest.raises(Away, match="no address"):
        await Prober(ZoneDns({}), "gw.example").ask(Route("*", "hop.example"), BOB)


async def test_only_some_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MOST_AT_ONCE", 2)
    async with smtp_peer() as peer:
        prober = Prober(ZoneDns({}), "gw.example")
        asked = [prober.ask(route_to(peer), f"b{number}@own.example") for number in range(12)]

        assert all(await asyncio.gather(*asked))
        # A session that said QUIT may still be seen for a moment.
        assert peer.sessions == 12
        assert peer.most_open_sessions <= 4


async def test_an_address_beyond_ascii_is_asked_for_where_such_are_known() -> None:
    async with smtp_peer() as peer:
        assert await ask(peer, "b\u00fccher@own.example")
        assert peer.commands[1] == "MAIL FROM:<> SMTPUTF8"

        peer.extensions = ("8BITMIME",)
        with pytest.raises(NoAnswer, match="beyond ASCII"):
            await ask(peer, "b\u00fccher@own.example")


async def test_where_starttls_is_offered_it_is_used_whoever_answers(tmp_path: Path) -> None:
    async with smtp_peer() as peer:
        peer.tls = host_certificate("other.example").server_context(tmp_path)
        peer.extensions_in_tls = ("SIZE",)

        assert await ask(peer)
        assert peer.commands[:3] == ["EHLO gw.example", "STARTTLS", "EHLO gw.example"]


async def test_what_is_said_in_the_clear_is_not_believed_in_tls(tmp_path: Path) -> None:
    async with smtp_peer() as peer:
        peer.tls = host_certificate("other.example").server_context(tmp_path)
        peer.behind_starttls = b"250 2.0.0 injected\r\n"

        with pytest.raises(Away, match="before TLS"):
            await ask(peer)


async def test_a_next_hop_whose_tls_does_not_work_is_away(tmp_path: Path) -> None:
    async with smtp_peer() as peer:
        peer.tls = host_certificate("other.example").server_context(tmp_path)
        peer.answers["STARTTLS"] = "454 4.7.0 not now"

        with pytest.raises(Away, match="STARTTLS with 454"):
            await ask(peer)


def test_an_enhanced_code_has_three_numbers() -> None:
    assert Answer(550, ("5.1.1 no",)).subject == "1"
    assert Answer(550, ("5.1 no",)).subject == ""
    assert Answer(550, ("no.such.user here",)).subject == ""
    assert Answer(550, ("",)).subject == ""
    assert not takes(Answer(551, ("not here",)))
