"""Tells the administrator what there is to be told of the gateway itself, by mail and once.

Any number of processes look; the records say which of them tells. Who is killed while it does is followed by
another one, which makes the same mail again: a mail of one id is delivered once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.announcement import Announcement, announcements
from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Entered
from gateway.domain.licence import Standing, Usage
from gateway.domain.mail import POLICY, BodyRef
from gateway.domain.notice import own_mail, own_message
from gateway.domain.pipeline import Stage
from gateway.domain.statistics import Counter, Gauge
from gateway.operations.licences import usage_of_licence
from gateway.runtime import maillog
from gateway.runtime.clock import utc_now
from gateway.runtime.ids import derived_id
from gateway.runtime.wiring import Gateway

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(minutes=10)
"""So often it is counted how much is used. The users of a month are a question about all of its mail."""

FIRST_LOOK = timedelta(seconds=5)
"""After the start: whoever restarts the gateway again and again is told too."""

CLAIM = timedelta(minutes=5)
"""Whoever did not tell within this time was killed."""

_SOURCE = "licence"  # of what is measured together, whichever process does
_MEASUREMENT = "measurement of the licence"


@dataclass(frozen=True, slots=True)
class Announcer:
    """Looks for what is to be told."""

    gateway: Gateway

    async def look(self, standing: Standing, now: datetime) -> None:
        """Tell what nobody has told yet. `TemporaryFailure` when it cannot be told now."""
        usage = await self._usage(standing, now)
        for announcement in announcements(standing, usage):
            if await self.gateway.records.announcements.claim(announcement.id, now, now + CLAIM):
                await self._tell(announcement, now)

    async def _usage(self, standing: Standing, now: datetime) -> Usage | None:
        """How much is used, if it is for this process to count it now."""
        if standing.active is None or standing.active.licence.limit is None:
            return None
        records = self.gateway.records
        if not await records.announcements.claim(_MEASUREMENT, now, now + LOOK_EVERY * 0.9):
            return None
        domains = self.gateway.settings.network.protected_domains
        used = await usage_of_licence(standing, records.usage, domains, now.astimezone())
        if used is None:
            return None
        await records.gauges.tell(_SOURCE, {Gauge.LICENCE_USED: used.usage.used}, now, now + LOOK_EVERY * 3)
        return used.usage

    async def _tell(self, announcement: Announcement, now: datetime) -> None:
        gateway = self.gateway
        settings = gateway.settings
        to, hostname = settings.policies[POLICY].admin_notify_address, settings.network.hostname
        mail_id = derived_id(announcement.id, "announcement")
        content = own_message(
            sender=settings.policies[POLICY].notify_from_address,
            to=(to,),
            subject=announcement.subject,
            text=f"This is the mail gateway {hostname}.\r\n\r\n{announcement.text}",
            hostname=hostname,
            message_id=mail_id,
            now=now,
        )
        body = await self._stored(mail_id, content)
        mail = own_mail((to,), body, hostname, mail_id, now, source_id=mail_id, group=POLICY)
        log.warning("%s: the administrator is told", announcement.subject)
        maillog.created(gateway.records.count, Counter.NOTICES_TO_ADMIN, mail, "admin")
        await gateway.records.keep(Entered(mail, Stage.SENDER, now))
        await gateway.bus.publish(Stage.SENDER, [mail])
        await gateway.records.announcements.told(announcement.id)

    async def _stored(self, mail_id: str, content: bytes) -> BodyRef:
        writer = self.gateway.blobs.create(mail_id)
        try:
            await writer.write(content)
            return await writer.commit()
        except BaseException:
            await writer.abort()
            raise


async def announce_regularly(gateway: Gateway) -> None:
    """Look soon after the start, and then again and again until the process stops."""
    announcer, lifecycle = Announcer(gateway), gateway.lifecycle
    await lifecycle.pause(FIRST_LOOK.total_seconds())
    while not lifecycle.stopping.is_set():
        try:
            await announcer.look(gateway.licensing.standing, utc_now())
        except TemporaryFailure as trouble:
            log.debug("what the administrator should know cannot be told now: %s", trouble)
        await lifecycle.pause(LOOK_EVERY.total_seconds())
