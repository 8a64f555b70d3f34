"""Mail out of a storage: what is sent when an operator has an entry released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.domain.mail import BodyRef, Mail, Recipient
from gateway.domain.pipeline import Stage
from gateway.domain.policy import Group
from gateway.domain.splitting import split_by_group
from gateway.domain.storage import StorageEntry


@dataclass(frozen=True, slots=True)
class Site:
    """Whose mail is whose now, which need not be as it was when the mail was stored."""

    groups: Sequence[Group]
    protected_domains: Sequence[str]  # masks


def purpose_of(entry: StorageEntry) -> str:
    """What the next release of an entry is known by. However often it is begun anew, it is the same one."""
    return f"release {entry.release} from {entry.storage}"


def released_mail(
    entry: StorageEntry,
    body: BodyRef,
    site: Site,
    now: datetime,
    new_id: Callable[[str], str],
    *,
    checked: bool,
) -> tuple[tuple[Stage, Mail], ...]:
    """The mails that take the message of `entry`, stored anew as `body`, to its recipients.

    `checked`: to be scanned and filtered again, as if it had just come. Otherwise they go to the sender as
    they are. `new_id` makes an id for the copy of a group, the same one each time.
    """
    whole = replace(
        entry.mail,
        source_id=entry.id,
        # The time that it may be queued for begins now.
        envelope=replace(entry.mail.envelope, received_at=now),
        body=body,
        attempts=0,
        generation=0,
    )
    if not checked:
        return ((Stage.SENDER, replace(whole, id=new_id(whole.group))),)

    def copy(group: str, recipients: tuple[Recipient, ...]) -> Mail:
        envelope = replace(whole.envelope, recipients=recipients)
        return replace(whole, id=new_id(group), envelope=envelope, group=group, spam=None)

    shares = split_by_group(whole.envelope, site.groups, site.protected_domains)
    return tuple((share.stage, copy(share.group, share.recipients)) for share in shares)
