"""Mail inside mail: attached messages as files, mailboxes, signed messages, Outlook's TNEF."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.domain.mime import take_apart
from gateway.domain.readings import contents, other_parts
from services.scanner.objects.budget import Budget
from services.scanner.objects.members import Fault, Member, damaged

_ENVELOPE = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]*\n")

_HEADLESS = re.compile(rb"\s{0,8}--([^\r\n]{1,200}?)[ \t]*\r?\n")
_ESCAPED = re.compile(rb'["\\]')

FRAGMENT = "message/partial"
"""A type of which one part of a message never shows the whole (RFC 2046 §5.2.2)."""


def open_message(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """All parts of a message, as every reader would find them; of one without its header too."""
    headless = _HEADLESS.match(content)
    if headless:
        content = (
            b'Content-Type: multipart/mixed; boundary="%b"\n\n' % _ESCAPED.sub(rb"\\\g<0>", headless[1])
            + content
        )
    parts = take_apart(content)
    for part in (*parts, *other_parts(content, parts)):
        budget.check_time()
        if part.container:
            continue
        if part.unopened:
            yield damaged(part.unopened, part.name or part.path)
            continue
        if part.content_type == FRAGMENT:
            yield damaged("a fragment of a message", part.name or part.path)
        for reading in contents(part, content):
            yield Member(reading, part.name or part.path, part.content_type)


def open_mbox(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """All messages of a mailbox file (RFC 4155)."""
    begins = list(_ENVELOPE.finditer(content))
    ends = [begin.start() for begin in begins[1:]] + [len(content)]
    for begin, end in zip(begins, ends, strict=True):
        budget.check_time()
        yield Member(content[begin.end() : end], mime="message/rfc822")
