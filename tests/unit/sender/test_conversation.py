from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.journey import Answer
from gateway.domain.mail import Notify, Recipient, Return
from services.sender.hosts import Host
from services.sender.session import LARGEST_UNREAD, Interrupted
from tests.support.mails import an_envelope
from tests.support.sending import HASTY, MESSAGE, at, content, meet
from tests.support.smtp_peer import HANG_UP, SILENCE, smtp_peer


async def test_a_message_arrives_byte_for_byte() -> None:
    async with smtp_peer() as peer:
        conversation = await meet(at(peer))
        answers = await conversation.deliver(an_envelope(), content())

    (reply,) = answers.replies
    assert (reply.answer, reply.code, reply.enhanced, reply.text) == (Answer.DELIVERED, 250, "2.0.0", "taken")
    assert reply.server == "peer.example [127.0.0.1]"
    assert peer.received[0].body == MESSAGE


async def test_a_last_line_without_an_end_gets_one() -> None:
    async with smtp_peer() as peer:
        conversation = await meet(at(peer))
        await conversation.deliver(an_envelope(), content(b"Subject: x\r\n\r\nno end"))

    assert peer.received[0].body == b"Subject: x\r\n\r\nno end\r\n"


async def test_commands_go_together_when_the_host_allows_it() -> None:
    async with smtp_peer() as peer:
        conversation = await meet(at(peer))
        await conversation.deliver(an_envelope("bob@b.example", "carl@b.example"), content())

    assert peer.chunks[1] == (
        b"MAIL FROM:<sender@client.example> SIZE=%d\r\n"
        b"RCPT TO:<bob@b.example>\r\nRCPT TO:<carl@b.example>\r\nDATA\r\n" % len(MESSAGE)
    )


async def test_commands_go_one_by_one_otherwise() -> None:
    async with smtp_peer() as peer:
        peer.extensions = ()
        conversation = await meet(at(peer))
        await conversation.deliver(an_envelope("bob@b.example", "carl@b.example"), content())

    assert peer.chunks[1:] == [
        b"MAIL FROM:<sender@client.example>\r\n",
        b"RCPT TO:<bob@b.example>\r\n",
        b"RCPT TO:<carl@b.example>\r\n",
        b"DATA\r\n",
    ]
    assert peer.received[0].body == MESSAGE


async def test_a_host_without_ehlo_is_greeted_with_helo() -> None:
    async with smtp_peer() as peer:
        peer.answers["EHLO"] = "502 what?"
        conversation = await meet(at(peer))
        await conversation.deliver(an_envelope(), content())

    assert peer.commands[:2] == ["EHLO gw.example", "HELO gw.example"]
    assert peer.received[0].mail_from == "MAIL FROM:<sender@client.example>"


async def test_eight_bits_are_declared_where_the_host_knows_of_them() -> None:
    async with smtp_peer() as peer:
        conversation = await meet(at(peer))
        await conversation.deliver(an_envelope(), content("é\r\n".encode()))
        await conversation.deliver(an_envelope(), content(b"e\r\n"))

    assert "BODY=8BITMIME" in peer.received[0].mail_from
    assert "BODY=8BITMIME" not in peer.received[1].mail_from


async def test_dsn_parameters_are_passed_on_to_a_host_that_knows_them() -> None:
    asked = replace(
        an_envelope(),
        recipients=(Recipient("bob@b.example", (Notify.SUCCESS, Notify.DELAY), "rfc822;Bob@old.example"),),
        returns=Return.HDRS,
        envelope_id="QQ+3D314",
    )
    async with smtp_peer() as peer:
        conversation = await meet(at(peer))
        answers = await conversation.deliver(asked, content())

    assert answers.confirms
    assert peer.received[0].mail_from.endswith(" RET=HDRS ENVID=QQ+3D314")
    assert peer.received[0].rcpt_to == (
        "RCPT TO:<bob@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob@old.example",
    )


async def test_dsn_parameters_are_kept_from_a_host_that_does_not() -> None:
    asked = replace(
        an_envelope(),
        recipients=(Recipient("bob@b.example", (Notify.SUCCESS,)),),
        returns=Return.HDRS,
        envelope_id="id",
    )
    async with smtp_peer() as peer:
        peer.extensions = ("PIPELINING",)
        conversation = await meet(at(peer))
        answers = await conversation.deliver(asked, content())

    assert not answers.confirms
    assert peer.received[0].mail_from == "MAIL FROM:<sender@client.example>"
    assert peer.received[0].rcpt_to == ("RCPT TO:<bob@b.example>",)


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
async def test_each_recipient_has_an_answer_of_its_own(extensions: tuple[str, ...]) -> None:
    async with smtp_peer() as peer:
        peer.extensions = extensions
        peer.answers["RCPT TO:<gone"] = "550-5.1.1 no\r\n550 5.1.1 such user"
        peer.answers["RCPT TO:<full"] = "452 4.2.2 mailbox full"
        conversation = await meet(at(peer))
        answers = await conversation.deliver(
            an_envelope("gone@b.example", "bob@b.example", "full@b.example"), content()
        )

    assert [(reply.answer, reply.code, reply.enhanced, reply.text) for reply in answers.replies] == [
        (Answer.REFUSED, 550, "5.1.1", "no such user"),
        (Answer.DELIVERED, 250, "2.0.0", "taken"),
        (Answer.LATER, 452, "4.2.2", "mailbox full"),
    ]
    assert peer.received[0].rcpt_to == ("RCPT TO:<bob@b.example>",)


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
@pytest.mark.parametrize(
    ("command", "answer", "outcome"),
    [
        ("MAIL", "451 4.3.0 not now", Answer.LATER),
        ("MAIL", "550 5.7.1 not you", Answer.REFUSED),
        ("DATA", "554 5.7.1 no data", Answer.REFUSED),
        (".", "552 5.2.3 too much", Answer.REFUSED),
        (".", "451 4.3.0 disk full", Answer.LATER),
    ],
)
async def test_a_refusal_is_for_all_recipients_and_the_session_goes_on(
    command: str, answer: str, outcome: Answer, extensions: tuple[str, ...]
) -> None:
    async with smtp_peer() as peer:
        peer.extensions = extensions
        peer.answers[command] = answer
        conversation = await meet(at(peer))
        refused = await conversation.deliver(an_envelope("bob@b.example", "carl@b.example"), content())
        peer.answers.clear()
        taken = await conversation.deliver(an_envelope(), content())

    assert [reply.answer for reply in refused.replies] == [outcome, outcome]
    assert [reply.answer for reply in taken.replies] == [Answer.DELIVERED]
    assert len(peer.received) == 1


async def test_a_host_that_wants_data_for_nobody_gets_an_empty_message() -> None:
    async with smtp_peer() as peer:
        peer.answers |= {"RCPT": "550 5.1.1 no", "DATA": "354 all the same"}
        conversation = await meet(at(peer))
        refused = await conversation.deliver(an_envelope(), content())
        peer.answers.clear()
        await conversation.deliver(an_envelope(), content())

    assert refused.replies[0].answer is Answer.REFUSED
    assert [received.body for received in peer.received] == [MESSAGE]


async def test_a_message_larger_than_the_host_takes_is_not_even_begun() -> None:
    async with smtp_peer() as peer:
        peer.extensions = ("SIZE 20",)
        conversation = await meet(at(peer))
        answers = await conversation.deliver(an_envelope(), content())

    assert (answers.replies[0].answer, answers.replies[0].enhanced) == (Answer.REFUSED, "5.3.4")
    assert peer.commands == ["EHLO gw.example"]


async def test_addresses_in_utf8_go_only_to_hosts_that_know_them() -> None:
    envelope = an_envelope("юзер@b.example")
    async with smtp_peer() as peer:
        answers = await (await meet(at(peer))).deliver(envelope, content())
        peer.extensions = ()
        refusal = await (await meet(at(peer))).deliver(envelope, content())

    assert answers.replies[0].answer is Answer.DELIVERED
    assert peer.received[0].mail_from.endswith(" SMTPUTF8")
    assert (refusal.replies[0].answer, refusal.replies[0].enhanced) == (Answer.REFUSED, "5.6.7")


async def test_who_needs_utf8_no_more_is_sent_without_it() -> None:
    envelope = replace(an_envelope(), utf8=True)
    in_the_header = "Subject: привет\r\n\r\nhi\r\n".encode()
    in_a_part = (
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        "Content-Disposition: attachment; filename=имя\r\n\r\nhi\r\n--b--\r\n"
    ).encode()
    in_the_content = "Subject: hi\r\n\r\nпривет\r\n".encode()
    async with smtp_peer() as peer:
        peer.extensions = ("8BITMIME",)
        conversation = await meet(at(peer))
        replies = [
            (await conversation.deliver(envelope, content(message))).replies[0]
            for message in (MESSAGE, in_the_content, in_the_header, in_a_part)
        ]

    assert [reply.enhanced for reply in replies] == ["2.0.0", "2.0.0", "5.6.7", "5.6.7"]
    assert [received.mail_from for received in peer.received] == [
        "MAIL FROM:<sender@client.example>",
        "MAIL FROM:<sender@client.example> BODY=8BITMIME",
    ]


async def test_an_original_recipient_in_utf8_needs_it_too() -> None:
    envelope = replace(
        an_envelope(), recipients=(Recipient("bob@b.example", original="utf-8;юзер@b.example"),)
    )
    async with smtp_peer() as peer:
        peer.extensions = ("8BITMIME", "DSN")
        answers = await (await meet(at(peer))).deliver(envelope, content())

    assert answers.replies[0].enhanced == "5.6.7"


@pytest.mark.parametrize("pieces", [1, 5])
async def test_a_host_without_8bitmime_gets_the_message_in_seven_bits(pieces: int) -> None:
    message = "Subject: hi\r\n\r\nIt is 5 °C here, and we are glad to be inside.\r\n".encode()
    async with smtp_peer() as peer:
        peer.extensions = ("PIPELINING", "SIZE")
        answers = await (await meet(at(peer))).deliver(an_envelope(), content(message, pieces=pieces))

    [received] = peer.received
    assert answers.replies[0].answer is Answer.DELIVERED
    assert received.mail_from == f"MAIL FROM:<sender@client.example> SIZE={len(received.body)}"
    assert received.body == (
        b"Subject: hi\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"It is 5 =C2=B0C here, and we are glad to be inside.\r\n"
    )


async def test_what_cannot_be_said_in_seven_bits_is_refused() -> None:
    message = (
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n5 °C\r\n--b\r\n\r\nsig\r\n--b--\r\n"
    ).encode()
    async with smtp_peer() as peer:
        peer.extensions = ()
        conversation = await meet(at(peer))
        refused = await conversation.deliver(an_envelope(), content(message))
        taken = await conversation.deliver(an_envelope(), content())

    assert refused.replies[0].enhanced == "5.6.3"
    assert refused.replies[0].text == (
        "the host does not take 8-bit messages (8BITMIME), and to convert it would break its signature"
    )
    assert taken.replies[0].answer is Answer.DELIVERED


async def test_a_message_that_grows_too_large_in_seven_bits_is_refused() -> None:
    message = b"Subject: hi\r\n\r\n" + "привет\r\n".encode() * 100
    async with smtp_peer() as peer:
        peer.extensions = (f"SIZE {len(message)}",)
        answers = await (await meet(at(peer))).deliver(an_envelope(), content(message))

    assert answers.replies[0].enhanced == "5.3.4"


async def test_recipients_too_many_for_one_transaction_have_the_next() -> None:
    async with smtp_peer() as peer:
        peer.most_recipients = 2
        answers = await (await meet(at(peer))).deliver(
            an_envelope(*(f"r{number}@b.example" for number in range(5))), content()
        )

    assert [reply.answer for reply in answers.replies] == [Answer.DELIVERED] * 5
    assert [len(received.rcpt_to) for received in peer.received] == [2, 2, 1]
    assert peer.sessions == 1


async def test_a_host_that_takes_no_more_recipients_at_all_is_not_asked_on() -> None:
    async with smtp_peer() as peer:
        peer.answers["RCPT TO:<full"] = "452 4.5.3 too many"
        answers = await (await meet(at(peer))).deliver(
            an_envelope("bob@b.example", "full@b.example"), content()
        )

    assert [reply.answer for reply in answers.replies] == [Answer.DELIVERED, Answer.LATER]
    assert peer.commands.count("DATA") == 2


async def test_who_has_the_message_has_it_whatever_becomes_of_the_others() -> None:
    async with smtp_peer() as peer:
        peer.most_recipients = 1
        peer.answers["RCPT TO:<carl"] = HANG_UP
        conversation = await meet(at(peer))
        answers = await conversation.deliver(an_envelope("bob@b.example", "carl@b.example"), content())

    assert [reply.answer for reply in answers.replies] == [Answer.DELIVERED, Answer.LATER]
    assert answers.replies[1].enhanced == "4.4.2"
    assert not conversation.usable


@pytest.mark.parametrize(
    "answers",
    [
        {"greeting": HANG_UP},
        {"greeting": "554 5.3.2 no service"},
        {"greeting": "421 4.3.2 too busy"},
        {"greeting": "SSH-2.0-server"},
        {"greeting": "354 what"},
        {"EHLO": HANG_UP},
        {"EHLO": "421 4.3.2 too busy"},
        {"EHLO": "451 not now"},
        {"EHLO": "502 what?", "HELO": "550 go away"},
    ],
)
async def test_a_host_that_does_not_greet_us_is_left(answers: dict[str, str]) -> None:
    async with smtp_peer() as peer:
        peer.answers |= answers
        with pytest.raises(Interrupted) as interrupted:
            await meet(at(peer))

    assert not interrupted.value.unsure


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
@pytest.mark.parametrize(
    ("command", "answer", "unsure"),
    [
        ("MAIL", HANG_UP, False),
        ("RCPT", HANG_UP, False),
        ("DATA", HANG_UP, False),
        (".", HANG_UP, True),
        ("MAIL", "421 4.3.2 closing", False),
        ("RCPT", "421 4.3.2 closing", False),
        (".", "421 4.3.2 closing", False),
        ("MAIL", "354 what", False),
        ("RCPT", "no reply at all", False),
        ("DATA", "250 fine", False),
        (".", "no reply at all", True),
        (".", "354 more", True),
    ],
)
async def test_what_breaks_off_is_told_with_how_sure_it_is(
    command: str, answer: str, unsure: bool, extensions: tuple[str, ...]
) -> None:
    async with smtp_peer() as peer:
        peer.extensions = extensions
        peer.answers[command] = answer
        conversation = await meet(at(peer))
        with pytest.raises(Interrupted) as interrupted:
            await conversation.deliver(an_envelope(), content())

    assert interrupted.value.unsure is unsure
    assert not conversation.usable


@pytest.mark.parametrize(
    ("command", "unsure"), [("MAIL", False), ("RCPT", False), ("DATA", False), (".", True)]
)
async def test_each_reply_has_its_time(command: str, unsure: bool) -> None:
    async with smtp_peer() as peer:
        conversation = await meet(at(peer), HASTY)
        peer.answers[command] = SILENCE
        with pytest.raises(Interrupted, match=r"no answer within 0\.1 s") as interrupted:
            await conversation.deliver(an_envelope(), content())

    assert interrupted.value.unsure is unsure


@pytest.mark.parametrize("command", ["greeting", "EHLO"])
async def test_each_greeting_has_its_time(command: str) -> None:
    async with smtp_peer() as peer:
        peer.answers[command] = SILENCE
        with pytest.raises(Interrupted, match=r"no answer within 0\.1 s"):
            await meet(at(peer), HASTY)


async def test_a_host_that_talks_without_end_is_left() -> None:
    async with smtp_peer() as peer:
        peer.answers["EHLO"] = "250 peer.example" + "\r\n250 and on" * (LARGEST_UNREAD // 10)
        conversation = await meet(at(peer))
        # Nobody asks for any of that, so only its amount can end the session.
        await asyncio.wait_for(conversation.closed(), 30)

    assert not conversation.usable


async def test_a_host_that_is_slow_is_waited_for() -> None:
    async with smtp_peer() as peer:
        peer.extensions = ()
        peer.delay = 0.05
        answers = await (await meet(at(peer))).deliver(an_envelope(), content())

    assert answers.replies[0].answer is Answer.DELIVERED


async def test_a_host_that_takes_no_data_is_left() -> None:
    async with smtp_peer() as peer:
        peer.extensions = ()
        peer.reads = False
        conversation = await meet(at(peer), HASTY)
        with pytest.raises(Interrupted, match=r"it took none of the message for 0\.1 s") as interrupted:
            await conversation.deliver(an_envelope(), content(b"x" * (32 << 20), pieces=32))

    assert not interrupted.value.unsure


async def test_what_a_host_says_when_it_cuts_off_a_message_counts() -> None:
    async with smtp_peer() as peer:
        peer.extensions = ()
        peer.answers["while data comes"] = "552 5.3.4 too big after all"
        conversation = await meet(at(peer))
        answers = await conversation.deliver(an_envelope(), content(b"x" * (32 << 20), pieces=320))

    assert (answers.replies[0].answer, answers.replies[0].text) == (Answer.REFUSED, "too big after all")
    assert not conversation.usable


async def test_nobody_listening_is_no_connection() -> None:
    async with smtp_peer() as peer:
        port = peer.port

    with pytest.raises(Interrupted, match="no connection"):
        await meet(Host("peer.example", "127.0.0.1", port))


async def test_a_host_that_left_is_noticed_before_the_next_message() -> None:
    async with smtp_peer() as peer:
        conversation = await meet(at(peer))
        peer.hang_up_all()
        await asyncio.wait_for(conversation.closed(), 10)

    assert not conversation.usable


async def test_leaving_says_quit() -> None:
    async with smtp_peer() as peer:
        conversation = await meet(at(peer))
        conversation.leave()
        await asyncio.wait_for(conversation.closed(), 10)

    assert peer.commands[-1] == "QUIT"


async def test_a_host_that_does_not_say_goodbye_is_left_all_the_same() -> None:
    async with smtp_peer() as peer:
        peer.answers["QUIT"] = SILENCE
        conversation = await meet(at(peer), HASTY)
        conversation.leave()
        await asyncio.wait_for(conversation.closed(), 10)

    assert not conversation.usable


async def test_an_address_with_a_line_end_never_reaches_a_host() -> None:
    async with smtp_peer() as peer:
        conversation = await meet(at(peer))
        with pytest.raises(ValueError, match="line end"):
            await conversation.deliver(an_envelope("bob@b.example>\r\nRCPT TO:<eve@b.example"), content())

    assert peer.commands == ["EHLO gw.example"]
