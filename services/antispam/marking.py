"""From a verdict to the marks in the message: header fields on top, and edits of the fields it came with.

The original Subject stays byte for byte behind its label, however it is folded or encoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from gateway.domain.headers import Field, encode_field, named
from gateway.domain.journey import Finding
from gateway.domain.mail import Edit
from gateway.domain.policy import Degree, SpamAction, SpamStatus
from services.antispam.categories import FORMAL
from services.antispam.database.categories import Categories
from services.antispam.message import Message

STATUS_NAMES: Mapping[SpamStatus, str] = MappingProxyType(
    {
        SpamStatus.SPAM: "Spam",
        SpamStatus.PROBABLE: "Probable Spam",
        SpamStatus.NOT_DETECTED: "Not detected",
    }
)

LABELS: Mapping[SpamStatus, str] = MappingProxyType(
    {SpamStatus.SPAM: "[!! SPAM]", SpamStatus.PROBABLE: "[?? Probable Spam]"}
)

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "spam_phrase": "Content: Spam",
        "probable_phrase": "Content: Probable Spam",
        "subject.tail": "Headers: Spamware Subject",
        "mailer.spamware": "Headers: Spamware X-Mailer",
        "header.eastern": "Headers: Eastern Codepage",
        "blocklist.client": "RBL: 'standard' list",
        "blocklist.several": "RBL: 'reliable' list",
        "from": "Headers: Suspicious From",
        "brand": "Headers: Suspicious From",
        "fraud": "Headers: Suspicious From",
        "to": "Headers: Suspicious To",
        "reply_to": "Headers: Suspicious Reply-To",
        "subject": "Headers: Suspicious Subject",
        "mailer": "Headers: Suspicious X-Mailer",
        "received": "Headers: Spamware Received",
        "helo": "Headers: Spamware Received",
        "date": "Headers: Incompatible Headers",
        "message_id": "Headers: Incompatible Headers",
        "header": "Headers: Incompatible Headers",
        "spf": "Headers: Incompatible Headers",
        "dkim": "Headers: Incompatible Headers",
        "dmarc": "Headers: Incompatible Headers",
    }
)
"""How `X-SpamTest-Method` names what a check found, in the words of the reference (section 21): by the
finding, or else by its family, the name in front of the dot. All else that scores is content."""

CONTENT: Mapping[SpamStatus, str] = MappingProxyType(
    {SpamStatus.SPAM: "Content: Spam", SpamStatus.PROBABLE: "Content: Probable Spam"}
)
"""How it names what was found in the content, by the status that this led to."""

MOST_EDITS = 256
"""Marks travel with the mail. A header with more foreign fields than this keeps the last of them: ours stand
on top, where they are read first."""

LONGEST_LINE = 998  # without CRLF, RFC 5322 §2.1.1

_INK = re.compile(rb"[^ \t\r\n]")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about a message, and what led to it."""

    status: SpamStatus
    categories: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """What the marking adds to a mail: fields for its top, and ordered edits of its body."""

    top: bytes
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """What the filter says of itself in the messages it saw."""

    version: str  # of the gateway
    degree: Degree
    bases: str  # edition of the content database, "28123/261122"
    categories: Categories  # of that database


def mark(message: Message, verdict: Verdict, action: SpamAction, by: Filter) -> Marks:
    """The marks of a verdict under an `ActionSpam`. Foreign `X-SpamTest-*` fields always go."""
    top, edits = _ACTIONS[action](message, verdict, by)
    foreign = (field for field in message.fields if field.name.lower().startswith("x-spamtest-"))
    return Marks(
        _filter_fields(verdict.status, methods_of(verdict), verdict.categories, action, by) + top,
        tuple(sorted((*edits, *_removals(foreign)), key=lambda edit: edit.start)),
    )


def label_of(verdict: Verdict, categories: Categories) -> str:
    """The label for the Subject, that of a category if one has its own; "" when the verdict has none."""
    own = categories.label(verdict.status, verdict.categories)
    return own or LABELS.get(verdict.status, "")


def methods_of(verdict: Verdict) -> tuple[str, ...]:
    """What led to the verdict, in the words of `X-SpamTest-Method`, each once."""
    named = (_method_of(finding, verdict.status) for finding in verdict.findings if finding.score > 0)
    return tuple(dict.fromkeys(method for method in named if method))


def _method_of(finding: Finding, status: SpamStatus) -> str:
    family = finding.check.partition(".")[0]
    return METHODS.get(finding.check) or METHODS.get(family) or CONTENT.get(status, "")


@lru_cache(maxsize=256)
def _filter_fields(
    status: SpamStatus, methods: tuple[str, ...], categories: tuple[str, ...], action: SpamAction, by: Filter
) -> bytes:
    lines = [encode_field("X-SpamTest-Status", STATUS_NAMES[status])]
    lines += [encode_field("X-SpamTest-Method", method) for method in methods]
    if categories:
        lines.append(encode_field("X-SpamTest-Categories", _phrases(categories)))
    for profile in _profiles(categories, action, by.degree):
        lines.append(encode_field("X-SpamTest-Info", f"Profile: {profile} ({by.bases})"))
    lines.append(encode_field("X-SpamTest-Version", f"SMTP-Filter Version {by.version}, Mailwarden/Release"))
    return b"".join(lines)


def _profiles(categories: tuple[str, ...], action: SpamAction, degree: Degree) -> Iterator[str]:
    if FORMAL in categories:
        yield "Formal"
    yield f"Detect {degree.capitalize()} No RBL"
    if action is not SpamAction.NONE:
        yield f"Marking Spam - {action.capitalize()}"


def _label_subject(message: Message, verdict: Verdict, by: Filter) -> tuple[bytes, Sequence[Edit]]:
    label = label_of(verdict, by.categories)
    if not label:
        return b"", ()
    if not message.subject_fields:
        return encode_field("Subject", label), ()
    # More than one is not allowed, and nobody knows which of them a recipient is shown.
    return b"", [
        _insert_label(message.head, field, label.encode("ascii")) for field in message.subject_fields
    ]


def _insert_label(head: bytes, field: Field, label: bytes) -> Edit:
    first = _INK.search(head, field.value_start, field.end)
    if first is None:
        return Edit(field.value_start, field.value_start, b" " + label)

    at = first.start()
    line_start = head.rfind(b"\n", 0, at) + 1
    line_end = head.find(b"\n", at)
    line = (len(head) if line_end < 0 else line_end) - line_start
    # A fold reads as the one space, and no line becomes longer than servers must take.
    gap = b" " if line + len(label) + 2 <= LONGEST_LINE else b"\r\n "
    lead = b" " if at == field.value_start else b""
    return Edit(at, at, lead + label + gap)


def _write_keywords(message: Message, verdict: Verdict, by: Filter) -> tuple[bytes, Sequence[Edit]]:
    status = () if verdict.status is SpamStatus.NOT_DETECTED else (STATUS_NAMES[verdict.status],)
    words = (*status, *verdict.categories)
    top = encode_field("Keywords", _phrases(words)) if words else b""
    # Those that came with it could pass for ours, so they go even if we add none.
    return top, _removals(named(message.fields, "Keywords"))


def _leave(message: Message, verdict: Verdict, by: Filter) -> tuple[bytes, Sequence[Edit]]:
    return b"", ()


_ACTIONS: Mapping[SpamAction, Callable[[Message, Verdict, Filter], tuple[bytes, Sequence[Edit]]]] = (
    MappingProxyType(
        {
            SpamAction.SUBJECT: _label_subject,
            SpamAction.KEYWORDS: _write_keywords,
            SpamAction.NONE: _leave,
        }
    )
)


def _removals(unwanted: Iterable[Field]) -> list[Edit]:
    """Edits that take these fields away: one for each run of neighbours."""
    runs: list[Edit] = []
    for field in unwanted:
        if runs and runs[-1].end == field.start:
            runs[-1] = Edit(runs[-1].start, field.end)
        elif len(runs) < MOST_EDITS:
            runs.append(Edit(field.start, field.end))
    return runs


def _phrases(words: Iterable[str]) -> str:
    """A list of phrases (RFC 5322 §3.6.5): one that holds a comma is quoted."""
    return ", ".join(f'"{word}"' if "," in word else word for word in words)
