"""LMTP: a reply for each recipient behind the data (RFC 2033)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.domain.journey import Answer
from services.sender.conversation import Conversation
from services.sender.session import Interrupted, Timeouts
from tests.support.mails import an_envelope
from tests.support.sending import HASTY, MESSAGE, PATIENT, at, content, meet
from tests.support.smtp_peer import HANG_UP, SILENCE, SmtpPeer, smtp_peer

ALL = ("bob@b.example", "carl@b.example", "dora@b.example")


@pytest.fixture
async def peer() -> AsyncIterator[SmtpPeer]:
    async with smtp_peer() as peer:
        peer.lmtp = True
        yield peer


async def begin(peer: SmtpPeer, timeouts: Timeouts = PATIENT) -> Conversation:
    return await meet(replace(at(peer), lmtp=True), timeouts)


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
async def test_each_recipient_has_a_verdict_of_its_own_behind_the_data(
    peer: SmtpPeer, extensions: tuple[str, ...]
) -> None:
    peer.extensions = extensions
    peer.answers[".RCPT TO:<carl"] = "452 4.2.2 mailbox full"
    peer.answers["RCPT TO:<dora"] = "550 5.1.1 no such user"

    answers = await (await begin(peer)).deliver(an_envelope(*ALL), content())

    assert [(reply.answer, reply.code, reply.text) for reply in answers.replies] == [
        (Answer.DELIVERED, 250, "taken"),
        (Answer.LATER, 452, "mailbox full"),
        (Answer.REFUSED, 550, "no such user"),
    ]
    assert peer.commands[0] == "LHLO gw.example"
    assert peer.received[0].body == MESSAGE


async def test_what_was_taken_lies_in_mailboxes(peer: SmtpPeer) -> None:
    by_lmtp = await (await begin(peer)).deliver(an_envelope(*ALL), content())
    peer.lmtp = False
    by_smtp = await (await meet(at(peer))).deliver(an_envelope(*ALL), content())

    assert (by_lmtp.final, by_smtp.final) == (True, False)


async def test_one_session_takes_many_messages(peer: SmtpPeer) -> None:
    conversation = await begin(peer)
    for _ in range(3):
        answers = await conversation.deliver(an_envelope(*ALL), content())

    assert [reply.answer for reply in answers.replies] == [Answer.DELIVERED] * 3
    assert conversation.usable
    assert peer.sessions == 1


@pytest.mark.parametrize("answer", [HANG_UP, SILENCE, "421 4.3.2 closing", "354 what", "nonsense"])
async def test_verdicts_that_came_before_the_session_broke_off_count(peer: SmtpPeer, answer: str) -> None:
    peer.answers |= {".RCPT TO:<carl": answer, ".RCPT TO:<dora": answer}

    conversation = await begin(peer, HASTY)
    answers = await conversation.deliver(an_envelope(*ALL), content())

    assert [reply.answer for reply in answers.replies] == [Answer.DELIVERED, Answer.LATER, Answer.LATER]
    assert not conversation.usable


async def test_a_session_that_breaks_off_before_any_verdict_leaves_nobody_knowing(peer: SmtpPeer) -> None:
    peer.answers[".RCPT TO:<bob"] = HANG_UP

    with pytest.raises(Interrupted) as interrupted:
        await (await begin(peer)).deliver(an_envelope(*ALL), content())

    assert interrupted.value.unsure


async def test_nobody_who_is_wanted_means_no_data(peer: SmtpPeer) -> None:
    peer.answers |= {"RCPT": "550 5.1.1 no", "DATA": "503 5.5.1 nobody is left"}
    conversation = await begin(peer)
    refused = await conversation.deliver(an_envelope(*ALL), content())
    peer.answers.clear()
    taken = await conversation.deliver(an_envelope(), content())

    assert {reply.answer for reply in refused.replies} == {Answer.REFUSED}
    assert taken.replies[0].answer is Answer.DELIVERED


async def test_a_host_that_wants_data_for_nobody_is_left(peer: SmtpPeer) -> None:
    peer.answers |= {"RCPT": "550 5.1.1 no", "DATA": "354 all the same"}

    with pytest.raises(Interrupted, match="data for no recipients"):
        await (await begin(peer)).deliver(an_envelope(*ALL), content())


async def test_a_refusal_of_the_data_is_for_all(peer: SmtpPeer) -> None:
    peer.answers["DATA"] = "451 4.3.0 not now"

    answers = await (await begin(peer)).deliver(an_envelope(*ALL), content())

    assert [reply.answer for reply in answers.replies] == [Answer.LATER] * 3


async def test_a_host_that_speaks_smtp_is_not_greeted_another_way(peer: SmtpPeer) -> None:
    peer.lmtp = False

    with pytest.raises(Interrupted):
        await begin(peer)

    assert peer.commands == ["LHLO gw.example"]
