"""Writes delivery status notifications, so that they are mail like any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.blobs.leaving import message_chunks
from gateway.blobs.port import Blobs
from gateway.domain.headers import header_end
from gateway.domain.mail import Mail
from gateway.domain.statistics import Count, Counter, nobody_counts
from gateway.runtime import maillog
from gateway.runtime.ids import derived_id
from services.sender.notices import LARGEST_HEADER, Fate, Site, notice, report, returns_whole


class Reporter:
    """Stores reports where the bodies of mail lie."""

    def __init__(
        self, blobs: Blobs, site: Site, now: Callable[[], datetime], *, count: Count = nobody_counts
    ) -> None:
        self._count = count
        self._blobs = blobs
        self._site = site
        self._now = now

    async def tell(self, mail: Mail, told: Sequence[Fate]) -> Mail:
        """The mail that tells the sender of `mail` about `told`. A repeated step gives it the same id."""
        notice_id = derived_id(mail.id, f"dsn {sorted((fate.to.address, fate.action) for fate in told)}")
        now = self._now()
        header, whole = await self._header(mail), returns_whole(mail, told)
        text = report(mail, told, header, self._site, notice_id, now)
        writer = self._blobs.create(notice_id)
        try:
            await writer.write(text.before)
            if whole:
                async for chunk in message_chunks(mail, self._blobs):
                    await writer.write(chunk)
            else:
                await writer.write(header)
            await writer.write(text.after)
            body = await writer.commit()
        except BaseException:
            await writer.abort()
            raise
        plain = (text.before + header).isascii() and not (whole and mail.envelope.eight_bit)
        created = notice(mail, body, self._site, notice_id, now, eight_bit=not plain)
        maillog.created(self._count, Counter.DSN_GENERATED, created, "sender")
        return created

    async def _header(self, mail: Mail) -> bytes:
        beginning = b""
        async for chunk in message_chunks(mail, self._blobs):
            beginning += chunk
            if header_end(beginning) < len(beginning) or len(beginning) >= LARGEST_HEADER:
                break
        header = beginning[: min(header_end(beginning), LARGEST_HEADER)]
        return header[: header.rfind(b"\r\n") + 2]
