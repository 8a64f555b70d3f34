"""One session with one host, in which any number of messages can be handed over (RFC 5321, RFC 2033).

Commands of a transaction go out in one write when the host allows it (RFC 2920), and message data in large
chunks. `greeter.py` has begun the session, and `session.py` carries it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from gateway.domain.journey import Answer
from gateway.domain.mail import Envelope
from services.sender.commands import Extensions, mail_from, rcpt_to
from services.sender.content import Content
from services.sender.fitting import Fitted, Unsuitable, fitted
from services.sender.hosts import Answers, Host, Word, answered, unanswered
from services.sender.replies import Reply
from services.sender.session import Interrupted, Session

START_DATA = 354


class Conversation:
    """A session after its greetings. One transaction at a time."""

    def __init__(self, host: Host, session: Session, extensions: Extensions) -> None:
        self.host = host
        self.transactions = 0  # how many were begun
        self.session = session
        self._timeouts = session.timeouts
        self._extensions = extensions
        self._unfinished = False  # the host still remembers an earlier transaction

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin: the host has neither left nor said anything unasked."""
        return self.session.quiet

    async def deliver(self, envelope: Envelope, content: Content) -> Answers:
        """Hand over one message for the recipients of `envelope`.

        Raises `Interrupted` when the session broke off before any of them had an answer.
        """
        try:
            mail = await fitted(envelope, content, self._extensions)
        except Unsuitable as unsuitable:
            return unanswered(
                envelope.recipients,
                Answer.REFUSED,
                unsuitable.enhanced,
                unsuitable.reason,
                server=str(self.host),
            )
        try:
            words = await self._all_transactions(mail)
        except BaseException:
            # Cut off in the middle, the session is at no point where another transaction could begin.
            self.abandon("a transaction was cut off")
            raise
        together = zip(envelope.recipients, words, strict=True)
        return Answers(
            tuple(answered(to, self.host, word) for to, word in together),
            confirms="DSN" in self._extensions,
            final=self.host.lmtp,
        )

    def abandon(self, reason: str) -> None:
        """Drop the connection: nothing more can be said."""
        self.session.abandon(reason)

    def leave(self) -> None:
        """Say QUIT and close, without making anybody wait for it."""
        self.session.leave()

    async def closed(self) -> None:
        """Return when the connection is closed."""
        await self.session.closed()

    async def _all_transactions(self, mail: Fitted) -> Sequence[Word]:
        """One word for each recipient. Those who were too many for one transaction have the next one."""
        words = list(await self._transaction(mail))
        while left := _too_many(words):
            recipients = tuple(mail.envelope.recipients[place] for place in left)
            try:
                more = await self._transaction(
                    replace(mail, envelope=replace(mail.envelope, recipients=recipients))
                )
            except Interrupted as interrupted:
                # Those who have the message have it: this is about the others alone.
                self.abandon(interrupted.reason)
                more = [interrupted] * len(left)
            for place, word in zip(left, more, strict=True):
                words[place] = word
            if not any(isinstance(word, Reply) and word.positive for word in more):
                break
        return words

    async def _transaction(self, mail: Fitted) -> Sequence[Word]:
        if self._unfinished:
            await self.session.ask(b"RSET\r\n", self._timeouts.mail)
        self.transactions += 1
        self._unfinished = True
        begin = mail_from(
            mail.envelope,
            self._extensions,
            mail.content.size,
            eight_bit=mail.eight_bit,
            utf8=mail.utf8,
        )
        rcpts = [rcpt_to(to, self._extensions) for to in mail.envelope.recipients]
        pipelining = "PIPELINING" in self._extensions
        if pipelining:
            self.session.write(b"".join((begin, *rcpts, b"DATA\r\n")))
        ask = self._next_answer if pipelining else self.session.ask

        from_reply = self._judged(await ask(begin, self._timeouts.mail))
        if not from_reply.positive and not pipelining:
            return [from_reply] * len(rcpts)
        replies = [self._judged(await ask(rcpt, self._timeouts.rcpt)) for rcpt in rcpts]
        if not from_reply.positive:
            replies = [from_reply] * len(rcpts)
        wanted = sum(reply.positive for reply in replies)
        if not wanted and not pipelining:
            return replies

        results = iter(await self._data(ask, mail.content, wanted))
        return [next(results) if reply.positive else reply for reply in replies]

    async def _data(
        self, ask: Callable[[bytes, float], Awaitable[Reply]], content: Content, wanted: int
    ) -> Sequence[Word]:
        """One word for each of the `wanted` recipients, those that the host takes."""
        go = await ask(b"DATA\r\n", self._timeouts.data_initiation)
        if go.code != START_DATA:
            if go.code < 400:
                self.session.break_off("it answered DATA with neither yes nor no", go)
            return [go] * wanted
        if wanted:
            results = await self._send(content, wanted)
        elif self.host.lmtp:
            self.session.break_off("it wants data for no recipients", go)
        else:
            # An empty message ends the transaction (RFC 2920 §3.1).
            await self.session.ask(b".\r\n", self._timeouts.data_termination)
            results = []
        self._unfinished = False
        return results

    async def _send(self, content: Content, wanted: int) -> Sequence[Word]:
        async with aclosing(content.wire()) as wire:
            async for chunk in wire:
                if not self.session.quiet:
                    return [await self._cut_off()] * wanted
                self.session.write(chunk)
                await self.session.unblocked()
        if self.host.lmtp:
            return await self._verdicts(wanted)
        return [await self._verdict()] * wanted

    async def _verdicts(self, wanted: int) -> Sequence[Word]:
        """What a host says for each recipient (RFC 2033 §4.2); of those that it left out, nobody knows."""
        words: list[Word] = [await self._verdict()]
        while len(words) < wanted:
            try:
                words.append(await self._verdict())
            except Interrupted as interrupted:
                words += [interrupted] * (wanted - len(words))
        return words

    async def _verdict(self) -> Reply:
        try:
            reply = await self.session.reply(self._timeouts.data_termination)
        except Interrupted as interrupted:
            interrupted.unsure = not interrupted.code
            raise
        return self._judged(reply, unsure=True)

    async def _cut_off(self) -> Reply:
        """What a host said, if anything, that did not let us come to the end of the message."""
        early = await self.session.reply(0)
        if early.code < 400:
            self.session.break_off("it answered before the end of the message", early)
        self.abandon("it cut off the message")
        return early

    def _judged(self, reply: Reply, *, unsure: bool = False) -> Reply:
        if 300 <= reply.code < 400:
            self.session.break_off("it answered with neither yes nor no", reply, unsure=unsure)
        return reply

    async def _next_answer(self, command: bytes, seconds: float) -> Reply:
        """The answer to a `command` that was written with those before it."""
        return await self.session.reply(seconds)


def _too_many(words: Sequence[Word]) -> list[int]:
    """The places of recipients who came after as many as the host takes at once (RFC 5321 §4.5.3.1.10)."""
    if not any(isinstance(word, Reply) and word.positive for word in words):
        return []
    return [
        place
        for place, word in enumerate(words)
        if isinstance(word, Reply) and word.code == 452 and word.enhanced in ("", "4.5.3")
    ]
