"""Makes notices by policy, so that they are mail like any other."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from gateway.blobs.port import Blobs
from gateway.config.settings import Settings
from gateway.domain.headers import header_end
from gateway.domain.mail import POLICY, Mail
from gateway.domain.notice import (
    Addressee,
    Occasion,
    Teller,
    addressees,
    addresses,
    is_notice,
    notice_content,
    notice_mail,
)
from gateway.domain.policy import Policy
from gateway.domain.statistics import Counter
from gateway.domain.template import Template
from gateway.records.port import Records
from gateway.runtime import maillog
from gateway.runtime.ids import derived_id
from gateway.runtime.templates import NOTIFY, load_template
from gateway.version import VERSION

log = logging.getLogger(__name__)

LARGEST_HEADER = 64 * 1024
"""Bytes of a message that are read for its header."""

_COUNTERS: Mapping[Addressee, Counter] = MappingProxyType(
    {
        Addressee.ADMIN: Counter.NOTICES_TO_ADMIN,
        Addressee.RECIPIENT: Counter.NOTICES_TO_RECIPIENT,
        Addressee.SENDER: Counter.NOTICES_TO_SENDER,
    }
)

Templates = Mapping[Addressee, Template]


@dataclass(frozen=True, slots=True)
class Notifier:
    """Tells administrators, recipients and senders what was found."""

    blobs: Blobs
    records: Records
    teller: Teller
    templates: Mapping[str, Templates]  # by group; those of `POLICY` also serve groups that are gone
    most_an_hour: int  # to one address, by all processes together

    async def tell(self, occasion: Occasion, stage: str, now: datetime) -> tuple[Mail, ...]:
        """The notices that the policy wants about what `stage` found; mostly none.

        A repeated step makes the same ones again. `TemporaryFailure` when they cannot be made now.
        """
        wanted = addressees(occasion)
        if not wanted:
            return ()
        header = await self._header(occasion.mail)
        if is_notice(occasion.mail, header):
            return ()
        made = [await self._notice(occasion, addressee, header, stage, now) for addressee in wanted]
        return tuple(notice for notice in made if notice)

    async def _notice(
        self, occasion: Occasion, addressee: Addressee, header: bytes, stage: str, now: datetime
    ) -> Mail | None:
        mail, teller = occasion.mail, self.teller
        notice_id = derived_id(mail.id, f"notify {addressee} {stage}")
        to = [
            address
            for address in addresses(occasion, addressee, teller)
            if await self._is_permitted(address, notice_id, now)
        ]
        if not to:
            return None
        template = (self.templates.get(mail.group) or self.templates[POLICY])[addressee]
        content = notice_content(template, occasion, addressee, to, header, teller, notice_id, now)
        writer = self.blobs.create(notice_id)
        try:
            await writer.write(content)
            body = await writer.commit()
        except BaseException:
            await writer.abort()
            raise
        notice = notice_mail(mail, to, body, teller, notice_id, now)
        maillog.created(self.records.count, _COUNTERS[addressee], notice, addressee.value)
        return notice

    async def _is_permitted(self, address: str, notice_id: str, now: datetime) -> bool:
        permitted = await self.records.notices.permit(address, notice_id, now, self.most_an_hour)
        if not permitted:
            log.warning("a notice to %s is left out: it had %d within an hour", address, self.most_an_hour)
        return permitted

    async def _header(self, mail: Mail) -> bytes:
        beginning = b""
        async for piece in self.blobs.chunks(mail.body, 0, min(LARGEST_HEADER, mail.body.size)):
            beginning += piece
        return beginning[: header_end(beginning)]


def open_notifier(settings: Settings, blobs: Blobs, records: Records) -> Notifier:
    """Who tells, by the configuration. Raises `ConfigError` when a template cannot be used."""
    teller = Teller(
        settings.network.hostname, f"Mailwarden {VERSION}", VERSION, settings.network.protected_domains
    )
    templates = {group: _templates(policy) for group, policy in settings.policies.items()}
    return Notifier(blobs, records, teller, templates, settings.notices.per_hour)


def _templates(policy: Policy) -> Templates:
    paths = {
        Addressee.ADMIN: policy.notify_admin_template,
        Addressee.RECIPIENT: policy.notify_recipient_template,
        Addressee.SENDER: policy.notify_sender_template,
    }
    return {addressee: load_template(path, NOTIFY) for addressee, path in paths.items()}
