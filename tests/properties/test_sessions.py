"""Whatever a client sends, and however it is cut, it is answered safely and the session ends.

A fuzz target: sessions from the corpus, and sessions made up of commands, messages and bytes, right and
wrong. `--hypothesis-profile` or a larger `max_examples` makes it run longer.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from services.receiver.register import Register
from tests.support.mended import mended
from tests.support.receiving import RULES, receiving, server_tls
from tests.support.smtp_client import connected

CORPUS = sorted((Path(__file__).parents[1] / "corpus" / "sessions").glob("*.txt"))
ANYTHING = replace(
    RULES,
    starttls=True,
    chunking=True,
    limits=replace(RULES.limits, message_size=5000, session_size=20_000, recipients=3, header_size=3000),
)

_REPLY = re.compile(rb"(?:220|250|354)[ -][ -~]{1,505}|[245]\d\d[ -]([245])\.\d\.\d{1,3} [ -~]{1,500}")
_TIMING = (b"nothing may follow STARTTLS", b"ready to start TLS", b"message data where commands belong")
"""What is said depends on whether bytes come together, where that is what is wrong with them."""

WORDS = st.sampled_from(
    (
        b"EHLO x|HELO x|EHLO|HELO \xff|STARTTLS|NOOP|RSET|QUIT|HELP|VRFY b|EXPN l|AUTH PLAIN|XYZZY|GET /"
        b"|MAIL FROM:<a@client.example>|MAIL FROM:<>|MAIL FROM:<\xc3\xbc@client.example> SMTPUTF8|MAIL FROM:a"
        b"|MAIL FROM:<a@client.example> SIZE=9 BODY=8BITMIME RET=HDRS ENVID=x|MAIL FROM:<> SIZE=99999"
        b"|RCPT TO:<b@own.example>|RCPT TO:<b@own.example> NOTIFY=NEVER ORCPT=x;b|RCPT TO:<@x:c@own.example>"
        b"|RCPT TO:<x@elsewhere.example>|RCPT TO:<postmaster>|RCPT TO:<b%x@own.example>|RCPT TO:<\xff>"
        b"|DATA|DATA now|BDAT 5|BDAT 0|BDAT 9 LAST|BDAT 0 LAST|BDAT x|BDAT -1 LAST|bdat 70000"
    ).split(b"|")
)
ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"\r\r\n", b"", b" \r\n", b"\0\r\n"])
COMMANDS = st.builds(bytes.__add__, WORDS, ENDS)
CONTENT = st.sampled_from(
    [
        b"Subject: x\r\n\r\n",
        b"x\r\n",
        b".\r\n",
        b"..\r\n",
        b"\r\n.\r\n",
        b"\n.\n",
        b"\r.\r",
        b"\0",
        b"\xff" * 1000,
    ]
)
STARTED = st.just(b"EHLO x\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<b@own.example>\r\nDATA\r\n")
STREAMS = st.lists(
    st.one_of(COMMANDS, COMMANDS, CONTENT, STARTED, st.binary(max_size=20), st.just(b"A" * 3000)), max_size=25
).map(b"".join)
CUTS = st.lists(st.integers(1, 400), max_size=20)


@dataclass(frozen=True)
class Course:
    """How a session went."""

    said: bytes
    bodies: list[bytes]
    recipients: list[list[str]]


async def run_session(sent: bytes, sizes: list[int]) -> Course:
    """Send bytes in pieces of these sizes, and hold what must hold of every session."""
    register = Register.alone()
    async with receiving(ANYTHING, tls=server_tls(), register=register) as running:
        async with connected(running.port) as client:
            hearing = asyncio.create_task(client.all())
            for size in sizes:
                await client.send(sent[:size])
                sent = sent[size:]
                for _ in range(4):
                    await asyncio.sleep(0)
            await client.send(sent)
            client.end_sending()
            said = await hearing
        while running.receiver.sessions or register.total:
            await asyncio.sleep(0)
        bodies = running.blobs.bodies
        mails = running.mails

    lines = said.split(b"\r\n")
    assert lines.pop() == b""
    assert [line for line in lines if not _REPLY.fullmatch(line)] == []
    assert b"421 4.3.0" not in said
    assert [mended(body) for body in bodies] == bodies
    assert len(bodies) == len(mails)
    recipients = [[to.address for to in mail.envelope.recipients] for mail in mails]
    assert all(address.endswith("@own.example") for group in recipients for address in group)
    return Course(said, bodies, recipients)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_session_of_the_corpus_is_survived(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = "".join(path.read_text("ascii").splitlines())
    sent = text.encode("latin-1").decode("unicode-escape").encode("latin-1")

    for run in (asyncio.run, uvloop.run):
        run(run_session(sent, []))
        run(run_session(sent, [1] * len(sent)))

    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@settings(max_examples=150, deadline=None)
@given(STREAMS, CUTS)
def test_any_session_is_answered_safely_and_the_same_however_it_is_cut(sent: bytes, sizes: list[int]) -> None:
    async def both() -> tuple[Course, Course]:
        return await run_session(sent, []), await run_session(sent, sizes)

    whole, cut = uvloop.run(both())

    if not any(mark in course.said for mark in _TIMING for course in (whole, cut)):
        assert cut == whole
