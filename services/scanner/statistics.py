"""A line for each object that was looked at, for programs of the operator (manual, appendix A.19).

Whoever is to have the lines and cannot be reached misses them: mail waits for nobody's statistics.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from gateway.domain.endpoint import HostPort
from gateway.domain.journey import ScannedObject
from gateway.domain.mail import Mail
from gateway.domain.policy import SpamStatus
from gateway.runtime.logs import one_line

log = logging.getLogger(__name__)

MOST_WAITING = 1000
"""Messages whose lines wait for the socket; what comes then is lost."""
CONNECT_SECONDS = 5.0
RETRY_SECONDS = 5.0
"""After a failure, nothing is tried for so long."""


def lines_of(mail: Mail, objects: Iterable[ScannedObject], now: datetime) -> bytes:
    """The lines about a message: time, size, sender, recipients, statuses, threats, client, Message-ID."""
    recipients = ",".join(to.address for to in mail.envelope.recipients)
    spam = (mail.spam,) if mail.spam in (SpamStatus.SPAM, SpamStatus.PROBABLE) else ()
    about_mail = (mail.envelope.client_ip, mail.message_id)
    rows = (
        (
            str(int(now.timestamp())),
            str(found.size),
            mail.envelope.sender,
            recipients,
            ",".join((*spam, f"av/{found.status}")),
            ",".join(found.threats),
            *about_mail,
        )
        for found in objects
    )
    text = "".join("\t".join(map(one_line, row)) + "\n" for row in rows)
    return text.encode("utf-8", "replace")


class Statistics(Protocol):
    """Takes lines, at once and without a promise."""

    def tell(self, mail: Mail, objects: Iterable[ScannedObject], now: datetime) -> None:
        """Have the lines about a message reach whoever wants them, if that is possible now."""

    async def close(self) -> None:
        """No more lines come."""


def open_statistics(target: Path | HostPort | None) -> Statistics:
    """What `AVStatistics` of `[smtpgw.options]` names."""
    match target:
        case None:
            return _Nobody()
        case HostPort():
            return _Socket(target)
        case _:
            return _File(target)


class _Nobody:
    def tell(self, mail: Mail, objects: Iterable[ScannedObject], now: datetime) -> None:
        """Nobody wants them."""

    async def close(self) -> None:
        """Nothing is open."""


class _File:
    """A file that is opened for each message: somebody may move it away at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._complained = False

    def tell(self, mail: Mail, objects: Iterable[ScannedObject], now: datetime) -> None:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.write(descriptor, lines_of(mail, objects, now))
            finally:
                os.close(descriptor)
        except OSError as problem:
            if not self._complained:
                log.warning("%s: statistics cannot be written: %s", self._path, problem.strerror)
            self._complained = True
        else:
            self._complained = False

    async def close(self) -> None:
        """It is closed."""


class _Socket:
    """A server that is connected to when there is something to tell."""

    def __init__(self, place: HostPort) -> None:
        self._place = place
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self._sending: asyncio.Task[None] | None = None

    def tell(self, mail: Mail, objects: Iterable[ScannedObject], now: datetime) -> None:
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_always(), name="statistics")
        with suppress(asyncio.QueueFull):
            self._waiting.put_nowait(lines_of(mail, objects, now))

    async def close(self) -> None:
        if self._sending:
            self._sending.cancel()
            await asyncio.wait((self._sending,))

    async def _send_always(self) -> None:
        while True:
            lines = await self._waiting.get()
            try:
                await self._send_from(lines)
            except (OSError, TimeoutError) as problem:
                log.warning("%s: statistics reach nobody there: %s", self._place, problem or "no answer")
            while not self._waiting.empty():
                self._waiting.get_nowait()
            await asyncio.sleep(RETRY_SECONDS)

    async def _send_from(self, lines: bytes) -> None:
        """Send, beginning with these, until the connection is lost."""
        async with asyncio.timeout(CONNECT_SECONDS):
            _reader, writer = await asyncio.open_connection(self._place.host, self._place.port)
        try:
            while True:
                writer.write(lines)
                async with asyncio.timeout(CONNECT_SECONDS):
                    await writer.drain()
                lines = await self._waiting.get()
        finally:
            writer.close()
