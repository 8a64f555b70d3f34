"""What would become of a message and why, if it came now from that client for those recipients.

The stages that run are asked, with the databases and policies that they have; nothing of it is done. What the
receiver does before it takes a message is not asked: its rules are about the session, and are in its log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.blobs.port import Blobs
from gateway.bus.port import Bus
from gateway.config.settings import Settings
from gateway.domain.explanation import Explanation
from gateway.domain.journey import Analysed, Scanned
from gateway.domain.mail import BodyRef, Envelope, Mail
from gateway.domain.pipeline import Module, Stage
from gateway.domain.splitting import split_by_group, virtual_copies
from gateway.records.port import Records

ANSWER_SECONDS = 120.0
"""A stage that needs longer for one copy has not answered."""


@dataclass(frozen=True, slots=True)
class CopyExplained:
    """What would become of the copy for the recipients of one group."""

    group: str  # "" is the policy of the site
    recipients: tuple[str, ...]
    delivered: bool
    why: str  # it is not delivered, or not checked; "" when it is
    spam: Analysed | None  # None: not asked
    scan: Scanned | None
    added_fields: str  # header fields that would stand on top
    edits: int  # places in which the message itself would be changed
    size: int  # bytes that would leave
    kept_in: tuple[str, ...]  # storages that would get a copy
    told: tuple[str, ...]  # who would get a notice: admin, recipient, sender


async def explain(
    bus: Bus,
    blobs: Blobs,
    records: Records,
    settings: Settings,
    message: bytes,
    envelope: Envelope,
    new_id: Callable[[], str],
) -> Sequence[CopyExplained]:
    """What would become of each copy. `TemporaryFailure` when a stage does not answer."""
    message_id = new_id()
    suspended = Module.SCANNING in await records.suspended()
    body = await _stored(blobs, message_id, message)
    try:
        shares = split_by_group(envelope, settings.groups, settings.network.protected_domains)
        copies = virtual_copies(message_id, envelope, body, "", shares, new_id)
        return [await _explained(bus, stage, mail, suspended=suspended) for stage, mail in copies]
    finally:
        if body.carried is None:
            await blobs.remove(body.name)


async def _stored(blobs: Blobs, message_id: str, message: bytes) -> BodyRef:
    writer = blobs.create(message_id)
    try:
        await writer.write(message)
        return await writer.commit()
    except BaseException:
        await writer.abort()
        raise


async def _explained(bus: Bus, stage: Stage, mail: Mail, *, suspended: bool) -> CopyExplained:
    if stage is Stage.SENDER:
        return _told(Explanation(mail=mail), "not checked: nobody from a protected domain is in it")
    if suspended:
        return _told(Explanation(mail=mail), "not checked: scanning is suspended")
    filtered = await bus.ask(Stage.ANTISPAM, mail, ANSWER_SECONDS)
    if filtered.blocked_for:
        return _told(filtered, f"blocked as {filtered.blocked_for}")
    scanned = await bus.ask(Stage.SCANNER, filtered.mail, ANSWER_SECONDS)
    whole = replace(
        scanned,
        analysed=filtered.analysed,
        kept_in=tuple(dict.fromkeys((*filtered.kept_in, *scanned.kept_in))),
        told=tuple(dict.fromkeys((*filtered.told, *scanned.told))),
    )
    return _told(whole, f"blocked as {whole.blocked_for}" if whole.blocked_for else "")


def _told(by: Explanation, why: str) -> CopyExplained:
    mail = by.mail
    return CopyExplained(
        group=mail.group,
        recipients=tuple(to.address for to in mail.envelope.recipients),
        delivered=not by.blocked_for,
        why=why,
        spam=by.analysed,
        scan=by.scanned,
        added_fields=mail.top.decode("utf-8", "replace"),
        edits=len(mail.edits),
        size=mail.size,
        kept_in=by.kept_in,
        told=by.told,
    )
