"""How sessions begin, above all in TLS: what is wanted of a host, and what of its certificate."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from gateway.dns.port import Tlsa
from gateway.domain.errors import ConfigError
from gateway.domain.journey import Answer
from gateway.domain.tls import OutgoingTls
from services.sender.greeter import Greeter
from services.sender.hosts import Host
from services.sender.security import Security
from services.sender.session import Insecure, Interrupted
from services.sender.tls import TlsContexts
from tests.support.certificates import NOW, YEAR, Certificate, authority, host_certificate
from tests.support.mails import an_envelope
from tests.support.sending import HASTY, PATIENT, at, content
from tests.support.smtp_peer import HANG_UP, SILENCE, SmtpPeer, smtp_peer

NONE, MAY, ENCRYPT, VERIFY = OutgoingTls
ROOT = authority("Root")
GOOD = host_certificate("peer.example", "127.0.0.1", by=authority("Middle", by=ROOT))
BAD = {
    "expired": host_certificate("peer.example", by=ROOT, begins=NOW - 2 * YEAR, ends=NOW - YEAR),
    "not yet valid": host_certificate("peer.example", by=ROOT, begins=NOW + YEAR, ends=NOW + 2 * YEAR),
    "for another host": host_certificate("other.example", by=ROOT),
    "for the host above": host_certificate("example", by=ROOT),
    "by nobody we know": host_certificate("peer.example", by=authority("Somebody")),
    "signed by itself": host_certificate("peer.example"),
}


@pytest.fixture
async def peer() -> AsyncIterator[SmtpPeer]:
    async with smtp_peer() as peer:
        yield peer


@pytest.fixture
def trusted(tmp_path: Path) -> str:
    return str(ROOT.write(tmp_path, "root")[0])


async def send(peer: SmtpPeer, security: Security, greeter: Greeter | None = None, name: str = "") -> Answer:
    host = replace(at(peer), security=security)
    conversation = await (greeter or Greeter("gw.example", PATIENT)).meet(
        replace(host, name=name or host.name)
    )
    answers = await conversation.deliver(an_envelope(), content())
    conversation.leave()
    await conversation.closed()
    return answers.replies[0].answer


async def test_without_a_wish_for_tls_none_is_spoken(peer: SmtpPeer, tmp_path: Path) -> None:
    peer.tls = GOOD.server_context(tmp_path)

    await send(peer, Security(NONE))

    assert not peer.received[0].tls
    assert "STARTTLS" not in peer.commands


@pytest.mark.parametrize("tls", [MAY, ENCRYPT, VERIFY])
async def test_a_session_goes_on_in_tls_with_a_greeting_of_its_own(
    peer: SmtpPeer, tmp_path: Path, trusted: str, tls: OutgoingTls
) -> None:
    peer.tls = GOOD.server_context(tmp_path)

    assert await send(peer, Security(tls, trusted)) is Answer.DELIVERED

    assert peer.received[0].tls
    assert peer.commands[:3] == ["EHLO gw.example", "STARTTLS", "EHLO gw.example"]
    assert peer.commands[-1] == "QUIT"


async def test_what_was_offered_in_the_clear_counts_no_more_in_tls(peer: SmtpPeer, tmp_path: Path) -> None:
    peer.tls = GOOD.server_context(tmp_path)
    peer.extensions, peer.extensions_in_tls = ("PIPELINING", "DSN"), ()

    conversation = await Greeter("gw.example", PATIENT).meet(replace(at(peer), security=Security(MAY)))
    answers = await conversation.deliver(an_envelope(), content())

    assert not answers.confirms


@pytest.mark.parametrize("tls", [MAY, ENCRYPT])
@pytest.mark.parametrize("kind", BAD)
async def test_encryption_alone_takes_any_certificate(
    peer: SmtpPeer, tmp_path: Path, tls: OutgoingTls, kind: str
) -> None:
    peer.tls = BAD[kind].server_context(tmp_path)

    await send(peer, Security(tls))

    assert peer.received[0].tls
    assert peer.sessions == 1


@pytest.mark.parametrize("kind", BAD)
async def test_verifying_takes_no_bad_certificate(
    peer: SmtpPeer, tmp_path: Path, trusted: str, kind: str
) -> None:
    peer.tls = BAD[kind].server_context(tmp_path)

    with pytest.raises(Insecure, match="its certificate is not accepted") as insecure:
        await send(peer, Security(VERIFY, trusted))

    assert insecure.value.enhanced == "4.7.5"
    assert not peer.received
    assert not [command for command in peer.commands if command.startswith("MAIL")]


async def test_a_certificate_may_be_for_the_address_that_a_host_is_known_by(
    peer: SmtpPeer, tmp_path: Path, trusted: str
) -> None:
    peer.tls = GOOD.server_context(tmp_path)

    assert await send(peer, Security(VERIFY, trusted), name="127.0.0.1") is Answer.DELIVERED


@pytest.mark.parametrize("tls", [ENCRYPT, VERIFY])
@pytest.mark.parametrize(
    ("offers", "answers"),
    [(False, {}), (True, {"STARTTLS": "454 4.7.0 not now"}), (True, {"EHLO": "502 what?"})],
)
async def test_a_host_without_tls_gets_no_mail_that_needs_it(
    peer: SmtpPeer, tmp_path: Path, tls: OutgoingTls, offers: bool, answers: dict[str, str]
) -> None:
    peer.tls = GOOD.server_context(tmp_path) if offers else None
    peer.answers |= answers

    with pytest.raises(Insecure) as insecure:
        await send(peer, Security(tls))

    assert insecure.value.enhanced == "4.7.4"
    assert not [command for command in peer.commands if command.startswith("MAIL")]


@pytest.mark.parametrize(
    ("offers", "answers"),
    [(False, {}), (True, {"STARTTLS": "454 4.7.0 not now"}), (True, {"EHLO": "502 what?"})],
)
async def test_a_host_without_tls_gets_mail_in_the_clear_where_that_is_allowed(
    peer: SmtpPeer, tmp_path: Path, offers: bool, answers: dict[str, str]
) -> None:
    peer.tls = GOOD.server_context(tmp_path) if offers else None
    peer.answers |= answers

    assert await send(peer, Security(MAY)) is Answer.DELIVERED

    assert not peer.received[0].tls
    assert peer.sessions == 1


async def test_broken_tls_is_done_without_where_that_is_allowed_and_remembered(peer: SmtpPeer) -> None:
    peer.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate no handshake comes to its end
    greeter = Greeter("gw.example", PATIENT)

    first = await send(peer, Security(MAY), greeter)
    second = await send(peer, Security(MAY), greeter)

    assert first is second is Answer.DELIVERED
    assert [received.tls for received in peer.received] == [False, False]
    assert peer.commands.count("STARTTLS") == 1


@pytest.mark.parametrize("tls", [ENCRYPT, VERIFY])
async def test_broken_tls_is_never_done_without_where_it_is_required(
    peer: SmtpPeer, tls: OutgoingTls
) -> None:
    peer.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    with pytest.raises(Insecure, match="TLS failed"):
        await send(peer, Security(tls))

    assert not peer.received


async def test_versions_of_tls_that_are_too_old_are_not_spoken(peer: SmtpPeer, tmp_path: Path) -> None:
    peer.tls = GOOD.server_context(tmp_path)
    peer.tls.maximum_version = ssl.TLSVersion.TLSv1_2

    with pytest.raises(Insecure):
        await send(peer, Security(ENCRYPT), Greeter("gw.example", PATIENT, TlsContexts("1.3")))


@pytest.mark.parametrize("answer", [HANG_UP, "421 4.3.2 closing", "what?"])
async def test_a_host_that_breaks_off_at_starttls_is_left(
    peer: SmtpPeer, tmp_path: Path, answer: str
) -> None:
    peer.tls = GOOD.server_context(tmp_path)
    peer.answers["STARTTLS"] = answer

    with pytest.raises(Interrupted):
        await send(peer, Security(MAY))


async def test_starttls_has_its_time(peer: SmtpPeer, tmp_path: Path) -> None:
    peer.tls = GOOD.server_context(tmp_path)
    peer.answers["STARTTLS"] = SILENCE

    with pytest.raises(Interrupted, match=r"no answer within 0\.1 s"):
        await send(peer, Security(ENCRYPT), Greeter("gw.example", HASTY))


@pytest.mark.parametrize("injected", [b"250 2.0.0 I am in the clear\r\n", b"250-half"])
async def test_what_comes_in_the_clear_behind_starttls_is_never_believed(
    peer: SmtpPeer, tmp_path: Path, injected: bytes
) -> None:
    peer.tls = GOOD.server_context(tmp_path)
    peer.behind_starttls = injected

    with pytest.raises(Insecure):
        await send(peer, Security(ENCRYPT))

    assert not peer.received


def _tlsa(certificate: Certificate) -> tuple[Tlsa, ...]:
    return (Tlsa(3, 1, 1, hashlib.sha256(certificate.public_key).digest()),)


async def test_a_certificate_that_dns_names_needs_no_authority(peer: SmtpPeer, tmp_path: Path) -> None:
    peer.tls = BAD["signed by itself"].server_context(tmp_path)

    security = Security(VERIFY, tlsa=_tlsa(BAD["signed by itself"]), names=("peer.example",))

    assert await send(peer, security) is Answer.DELIVERED
    assert peer.received[0].tls


async def test_an_authority_that_dns_names_is_found_in_what_the_host_shows(
    peer: SmtpPeer, tmp_path: Path
) -> None:
    peer.tls = GOOD.server_context(tmp_path)
    tlsa = (Tlsa(2, 0, 1, hashlib.sha256(ROOT.der).digest()),)

    assert await send(peer, Security(VERIFY, tlsa=tlsa, names=("peer.example",))) is Answer.DELIVERED


async def test_a_certificate_that_dns_does_not_name_is_not_taken_whoever_signed_it(
    peer: SmtpPeer, tmp_path: Path, trusted: str
) -> None:
    peer.tls = GOOD.server_context(tmp_path)
    security = Security(VERIFY, trusted, _tlsa(BAD["expired"]), ("peer.example",))

    with pytest.raises(Insecure, match="DANE"):
        await send(peer, security)

    assert not peer.received


async def test_a_name_that_tls_cannot_ask_for_is_no_fault_of_ours(peer: SmtpPeer, tmp_path: Path) -> None:
    peer.tls = GOOD.server_context(tmp_path)

    with pytest.raises(Insecure):
        await send(peer, Security(ENCRYPT), name=".peer..example")


def test_tls_is_the_same_in_the_loop_that_the_gateway_runs_in(tmp_path: Path, trusted: str) -> None:
    async def both() -> None:
        async with smtp_peer() as peer:
            peer.tls = GOOD.server_context(tmp_path)
            await send(peer, Security(VERIFY, trusted))
            await send(peer, Security(VERIFY, tlsa=_tlsa(GOOD), names=("peer.example",)))
            for wrong in (Security(VERIFY, tlsa=_tlsa(ROOT)), Security(VERIFY)):
                with pytest.raises(Insecure):
                    await send(peer, wrong)
            peer.behind_starttls = b"250 OK\r\n"
            with pytest.raises(Insecure):
                await send(peer, Security(ENCRYPT))
        assert [received.tls for received in peer.received] == [True, True]

    uvloop.run(both())


def test_authorities_that_cannot_be_read_are_told_before_any_mail_needs_them(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")

    with pytest.raises(ConfigError, match=r"missing\.pem"):
        TlsContexts().verifying(str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigError, match=r"empty\.pem"):
        TlsContexts().verifying(str(tmp_path / "empty.pem"))


async def test_a_host_may_be_a_socket_in_the_file_system(tmp_path: Path) -> None:
    path = tmp_path / "lmtp"
    async with smtp_peer(socket_path=path) as peer:
        peer.lmtp = True
        conversation = await Greeter("gw.example", PATIENT).meet(Host("local", f"unix:{path}", lmtp=True))
        answers = await conversation.deliver(an_envelope(), content())

    assert answers.replies[0].answer is Answer.DELIVERED
