"""Statuses, actions, and the policy that leads from one to the other."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, fields
from enum import StrEnum
from hashlib import sha256


class SpamStatus(StrEnum):
    """What the spam filter says of a message. The value is the token of configuration lists."""

    SPAM = "as/spam"
    PROBABLE = "as/probable"
    NOT_DETECTED = "as/not_detected"


class ObjectStatus(StrEnum):
    """What the scanner says of an object. The value is the token of configuration lists."""

    CLEAN = "clean"
    DISINFECTED = "disinfected"
    FILTERED = "filtered"
    ERROR = "error"
    PROTECTED = "protected"
    SUSPICIOUS = "suspicious"
    INFECTED = "infected"
    NOT_CHECKED = "not_checked"


Status = SpamStatus | ObjectStatus

SEVERITY = (
    ObjectStatus.NOT_CHECKED,
    ObjectStatus.CLEAN,
    ObjectStatus.DISINFECTED,
    ObjectStatus.FILTERED,
    ObjectStatus.ERROR,
    ObjectStatus.PROTECTED,
    ObjectStatus.SUSPICIOUS,
    ObjectStatus.INFECTED,
)
"""From the mildest to the worst: the worst stands for the message."""


class SpamAction(StrEnum):
    """How a spam status is shown in the message (manual, chapter 4.2)."""

    SUBJECT = "subject"
    KEYWORDS = "keywords"
    NONE = "none"


class ObjectAction(StrEnum):
    """What becomes of an object (manual, chapter 4.4)."""

    CURE = "cure"
    PASS = "pass"  # noqa: S105 - the manual's word, not a secret
    REMOVE = "remove"
    PLACEHOLDER = "placeholder"


class Degree(StrEnum):
    """How readily the spam filter speaks (`SpamDetection`)."""

    SOFT = "soft"
    STANDARD = "standard"
    HARD = "hard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What becomes of the mail of one group: `[smtpgw.policy]`, or what a group made of it."""

    check_av: bool
    check_spam: bool
    action_spam: SpamAction
    object_actions: Mapping[ObjectStatus, ObjectAction]  # a status that is missing is passed
    block: frozenset[Status]
    quarantine: frozenset[Status]
    notify_admin: frozenset[Status]
    notify_recipient: frozenset[Status]
    notify_sender: frozenset[Status]
    add_x_header: bool
    add_disclaimer: bool
    admin_notify_address: str
    notify_from_address: str
    av_quarantine_path: str
    as_quarantine_path: str
    notify_admin_template: str
    notify_recipient_template: str
    notify_sender_template: str
    placeholder_template: str
    disclaimer_template: str
    include_by_name: tuple[str, ...] = ()
    exclude_by_name: tuple[str, ...] = ()
    include_by_mime: tuple[str, ...] = ()
    exclude_by_mime: tuple[str, ...] = ()
    check_recipients: bool = False
    greylist: bool = False
    refuse_spf_fail: bool = False
    refuse_dmarc_fail: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Whose mail a policy is for. Both sides must match (manual, chapter 4.1)."""

    name: str
    senders: tuple[str, ...]  # masks; empty: the group matches nothing
    recipients: tuple[str, ...]
    policy: Policy


def worst(statuses: tuple[ObjectStatus, ...]) -> ObjectStatus:
    """The status that stands for a message with objects of these statuses."""
    return max(statuses, key=SEVERITY.index, default=ObjectStatus.NOT_CHECKED)


def fingerprint(policy: Policy) -> str:
    """Sixteen hex digits that stand for all that `policy` says: equal policies have equal ones, everywhere.

    It walks the whole policy: work it out once for each group, not for each mail.
    """
    said = [(field.name, _in_order(getattr(policy, field.name))) for field in fields(policy)]
    return sha256(repr(said).encode()).hexdigest()[:16]


def _in_order(value: object) -> object:
    match value:
        case Mapping():
            return sorted((str(key), str(to)) for key, to in value.items())
        case Set():
            return sorted(map(str, value))
        case tuple():
            return list(map(str, value))
        case _:
            return str(value)
