"""The spool: stores a message that comes in and hands it on, before the client hears that it is ours."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from gateway.blobs.port import Blobs, BodyWriter
from gateway.bus.port import Bus
from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Entered
from gateway.domain.mail import POLICY, Envelope, Mail
from gateway.domain.message import as_it_entered
from gateway.domain.splitting import split_by_group, virtual_copies
from gateway.domain.statistics import Timing, Took, nobody_times
from gateway.domain.storage import StoredStatus
from gateway.records.port import Records
from gateway.runtime import maillog
from gateway.runtime.clock import utc_now
from gateway.runtime.tracing import Tracer
from gateway.storages.storages import Storages
from services.receiver import replies
from services.receiver.authenticating import Credentials, Examiner, Examining
from services.receiver.defects import Defect
from services.receiver.mending import Mending
from services.receiver.replies import Reply
from services.receiver.rules import Rules
from services.receiver.trace import look, received_field

LONGEST_STORING = 120.0
"""Seconds to make a message safe. A client waits ten minutes for the reply (RFC 5321 §4.5.3.2.6)."""

ROOM_IS_KNOWN_FOR = 1.0
"""Seconds after which the room left for bodies is asked for again."""

_log = logging.getLogger(__name__)


class Spool:
    """Takes messages in, for all sessions of the process."""

    def __init__(
        self,
        rules: Rules,
        bus: Bus,
        blobs: Blobs,
        records: Records,
        storages: Storages,
        examiner: Examiner,
        *,
        new_id: Callable[[], str],
        now: Callable[[], datetime] = utc_now,
        took: Took = nobody_times,
        tracer: Tracer | None = None,
    ) -> None:
        self._rules = rules
        self._bus = bus
        self._blobs = blobs
        self._records = records
        self._storages = storages
        self._examiner = examiner
        self._new_id = new_id
        self._now = now
        self._took = took
        self._tracer = tracer
        self._room_is_short = False
        self._room_asked_at = float("-inf")

    async def refusal(self) -> Reply | None:
        """Why no message can be taken now; None when it can."""
        if not self._records.ready:
            return replies.NOT_NOW
        if not self._rules.limits.free_space:
            return None
        try:
            async with asyncio.timeout(LONGEST_STORING):
                return replies.NO_SPACE if await self._has_no_room() else None
        except (TemporaryFailure, TimeoutError):
            return replies.NOT_NOW

    def now(self) -> datetime:
        """The time that received mail is stamped with."""
        return self._now()

    def receive(self, envelope: Envelope, most_bytes: int, too_big: Reply) -> Reception:
        """Begin a message; one of more than `most_bytes` is answered with `too_big`."""
        message_id = self._new_id()
        examining = self._examiner.begin(envelope)
        mending = Mending(
            utf8=envelope.utf8,
            most_header_bytes=self._rules.limits.header_size,
            watch=examining.take,
        )
        writer = self._blobs.create(message_id)
        return Reception(self, message_id, envelope, examining, mending, writer, most_bytes, too_big)

    def fault(self, mending: Mending) -> Reply | None:
        """Why a message that is so far as it is cannot be taken."""
        if mending.header_too_big:
            return replies.HEADER_TOO_BIG
        if mending.defects and self._rules.reject_malformed:
            return replies.malformed(mending.defects)
        return None

    async def accept(
        self,
        message_id: str,
        envelope: Envelope,
        examining: Examining,
        writer: BodyWriter,
        header_bytes: bytes,
        defects: frozenset[Defect],
    ) -> Reply:
        """Answer a message whose bytes are all written. OK is a promise: its body and its mails are safe."""
        if self._tracer is None:
            return await self._accept(message_id, envelope, examining, writer, header_bytes, defects)
        span, answer = self._tracer.begin("receiver", message_id), replies.NOT_NOW
        try:
            answer = await self._accept(
                message_id, envelope, examining, writer, header_bytes, defects, span.trace
            )
        finally:
            span.end(f"{answer.code} {answer.enhanced}")
        return answer

    async def _accept(
        self,
        message_id: str,
        envelope: Envelope,
        examining: Examining,
        writer: BodyWriter,
        header_bytes: bytes,
        defects: frozenset[Defect],
        trace: str = "",
    ) -> Reply:
        began = time.perf_counter()
        header = look(header_bytes)
        if header.hops > self._rules.limits.hops:
            return replies.TOO_MANY_HOPS
        shares = split_by_group(envelope, self._rules.groups, self._rules.protected_domains)
        policies = [self._rules.policies[share.group] for share in shares]
        credentials = await examining.judged(header_bytes, policies)
        if isinstance(credentials, Reply):
            return credentials

        try:
            async with asyncio.timeout(LONGEST_STORING):
                body = await writer.commit()
                copies = [
                    (stage, self._introduced(mail, credentials, trace))
                    for stage, mail in virtual_copies(
                        message_id,
                        envelope,
                        body,
                        header.message_id,
                        shares,
                        self._new_id,
                        header.subject,
                    )
                ]
                await self._archive(envelope, copies[0][1])
                for stage in dict.fromkeys(first for first, _ in copies):
                    await self._bus.publish(stage, [mail for first, mail in copies if first is stage])
        except (TemporaryFailure, TimeoutError):
            # Some mail may be on the bus in spite of it, so the body stays: the sweeper knows better.
            return replies.NOT_NOW

        self._took(Timing.RECEIVER, time.perf_counter() - began)
        count = self._records.count
        maillog.received(count, message_id, envelope, body.size, header.message_id)
        if defects:
            maillog.mended(count, message_id, sorted(defects))
        for stage, mail in copies:
            self._records.note(Entered(mail, stage, envelope.received_at))
            if len(copies) > 1:
                maillog.splitted(count, mail)
        return replies.OK

    def _introduced(self, mail: Mail, credentials: Credentials, trace: str) -> Mail:
        """A copy with all that is known of where it comes from."""
        top = credentials.field + received_field(mail, self._rules.hostname)
        return as_it_entered(replace(mail, top=top, authentication=credentials.authentication, trace=trace))

    async def _archive(self, envelope: Envelope, first_copy: Mail) -> None:
        """Keep the message before anybody looks at it. It may be that it is not accepted after all."""
        if self._rules.archive.path:
            message = replace(first_copy, envelope=envelope, group=POLICY)
            await self._storages.keep(
                self._rules.archive, message, StoredStatus.RECEIVED, at=envelope.received_at
            )

    async def _has_no_room(self) -> bool:
        asked_at = asyncio.get_running_loop().time()
        if asked_at - self._room_asked_at >= ROOM_IS_KNOWN_FOR:
            self._room_asked_at = asked_at
            free = await self._blobs.free_bytes()
            self._note_room(is_short=free is not None and free < self._rules.limits.free_space)
        return self._room_is_short

    def _note_room(self, *, is_short: bool) -> None:
        if is_short and not self._room_is_short:
            _log.warning("receiving pauses: less than %d MB are free", self._rules.limits.free_space >> 20)
        elif self._room_is_short and not is_short:
            _log.info("receiving goes on: there is room again")
        self._room_is_short = is_short


class Reception:
    """One message that is coming in: written to, then either finished or abandoned."""

    def __init__(
        self,
        spool: Spool,
        message_id: str,
        envelope: Envelope,
        examining: Examining,
        mending: Mending,
        writer: BodyWriter,
        most_bytes: int,
        too_big: Reply,
    ) -> None:
        self._spool = spool
        self._message_id = message_id
        self._envelope = envelope
        self._examining = examining
        self._mending = mending
        self._writer = writer
        self._most_bytes = most_bytes
        self._too_big = too_big
        self._safe = False
        self.refusal: Reply | None = None
        """Why it will not be taken, as far as is known."""
        self.size = 0
        """Bytes that the client sent."""

    async def abandon(self) -> None:
        """Throw away what was not accepted."""
        self._examining.close()
        if not self._safe:
            await self._writer.abort()

    async def write(self, piece: bytes) -> None:
        """Add bytes of the message. Once it is refused, they are only counted."""
        if not piece:
            return
        self.size += len(piece)
        if self.refusal is not None:
            return
        if self.size > self._most_bytes:
            await self._refuse(self._too_big)
            return
        await self._store(self._mending.take(piece))

    async def finish(self) -> Reply:
        """The reply to the message, all of which was written."""
        if self.refusal is None:
            await self._store(self._mending.end())
        if self.refusal is not None:
            return self.refusal
        mending = self._mending
        reply = await self._spool.accept(
            self._message_id,
            self._envelope,
            self._examining,
            self._writer,
            mending.header,
            mending.defects,
        )
        self._safe = reply.positive
        return reply

    async def _store(self, mended: bytes) -> None:
        fault = self._spool.fault(self._mending)
        if fault is not None:
            await self._refuse(fault)
            return
        if not mended:
            return
        try:
            async with asyncio.timeout(LONGEST_STORING):
                await self._writer.write(mended)
        except (TemporaryFailure, TimeoutError):
            await self._refuse(replies.NO_SPACE)

    async def _refuse(self, reply: Reply) -> None:
        self.refusal = reply
        # At once, and not at the end: the room is wanted by other messages.
        await self._writer.abort()
