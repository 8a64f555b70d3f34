"""What happens to mail: one function for each event writes its line and counts it, so they cannot disagree.

Lines are those of section 23 of the reference, one physical line each. What clients sent is cleaned and
cut short: it can neither end a line nor look like another field. No message content is ever written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from gateway.domain.address import domain_of
from gateway.domain.errors import GatewayError
from gateway.domain.journey import Answer, RecipientReply
from gateway.domain.mail import POLICY, Envelope, Mail
from gateway.domain.pipeline import Stage
from gateway.domain.policy import Status
from gateway.domain.statistics import Count, Counter, step_of
from gateway.domain.storage import StorageEntry
from gateway.runtime.logs import ACTIVITY, one_line

LONGEST_VALUE = 320
"""Characters of one value that are shown: an address may have so many (RFC 5321 §4.5.3.1)."""

CountOne = Callable[[Counter], None]
"""Who counts one more."""

_log = logging.getLogger("gateway.mail")


def received(count: Count, mail_id: str, envelope: Envelope, size: int, message_id: str) -> None:
    """A client's message of `size` bytes was accepted."""
    count(Counter.RECEIVED_MESSAGES)
    count(Counter.RECEIVED_BYTES, size)
    count(Counter.RECEIVED_RECIPIENTS, len(envelope.recipients))
    if not _log.isEnabledFor(ACTIVITY):
        return
    flags = ("" if envelope.protocol == "SMTP" else "E") + ("D" if envelope.asked_for_dsn else "")
    _write(
        mail_id,
        f"RECEIVED, from=<{_angled(envelope.sender)}>, nrcpt={len(envelope.recipients)}, size={size},"
        f" client=[{_plain(envelope.client_ip)}], helo=<{_angled(envelope.helo)}>,"
        f" message_id=<{_angled(message_id.strip().removeprefix('<').removesuffix('>'))}>, flags={flags}",
    )


def mended(count: CountOne, mail_id: str, defects: Iterable[str]) -> None:
    """That message did not conform to the standards, and was changed where it did not."""
    count(Counter.MALFORMED_MESSAGES)
    if _log.isEnabledFor(ACTIVITY):
        _write(mail_id, f'MENDED, defects="{_quoted(", ".join(defects))}"')


def refused(
    count: CountOne,
    counters: Iterable[Counter],
    client: str,
    reason: str,
    *,
    helo: str | None = None,
    sender: str | None = None,
    recipient: str | None = None,
    rule: str = "",
) -> None:
    """A client, its sender, its recipient or its message was refused; `rule` decided, "" where none has to.

    What the client had not said by then is None. `counters` stand for the reason.
    """
    for counter in counters:
        count(counter)
    if not _log.isEnabledFor(ACTIVITY):
        return
    before = _told({"from": sender, "rcpt": recipient})
    _write(
        "",
        f"REFUSED, {before}client=[{_plain(client)}], {_told({'helo': helo})}"
        f'reason="{_quoted(reason)}", rule="{_quoted(rule)}"',
    )


def splitted(count: CountOne, mail: Mail) -> None:
    """`mail` is the copy for the recipients of one group."""
    count(Counter.SPLIT_COPIES)
    if not _log.isEnabledFor(ACTIVITY):
        return
    domains = dict.fromkeys(domain_of(to.address) for to in mail.envelope.recipients)
    _write(
        mail.id,
        f"SPLITTED, domain=<{_angled(','.join(domains))}>, nrcpt={len(mail.envelope.recipients)},"
        f" srcid={mail.source_id}",
    )


def scanned(mail: Mail, statuses: Iterable[Status], threats: Iterable[str]) -> None:
    """All that looks at `mail` has done so: its statuses, spam status included, and the threats' names."""
    if not _log.isEnabledFor(ACTIVITY):
        return
    group = "policy" if mail.group == POLICY else mail.group
    _write(
        mail.id,
        f"SCANNED, group=<{_angled(group)}>, nrcpt={len(mail.envelope.recipients)},"
        f' status="{", ".join(statuses)}", srcid={mail.source_id}, names="{_quoted(", ".join(threats))}"',
    )


def stored(count: CountOne, entry: StorageEntry) -> None:
    """A copy of a mail lies in a storage."""
    count(Counter.STORED_COPIES)
    if not _log.isEnabledFor(ACTIVITY):
        return
    _write(
        entry.id,
        f"STORED, storage=<{_angled(entry.storage)}>, nrcpt={len(entry.mail.envelope.recipients)},"
        f' size={entry.size}, status="{entry.status}", srcid={entry.mail.source_id}',
    )


def released(count: CountOne, mail: Mail, entry: StorageEntry) -> None:
    """`mail` takes the message of a storage to its recipients, as an operator ordered."""
    count(Counter.RELEASED_COPIES)
    if not _log.isEnabledFor(ACTIVITY):
        return
    _write(
        mail.id,
        f"RELEASED, storage=<{_angled(entry.storage)}>, nrcpt={len(mail.envelope.recipients)},"
        f" size={mail.size}, srcid={mail.source_id}",
    )


def created(
    count: CountOne, counter: Counter, mail: Mail, notify: Literal["admin", "recipient", "sender"]
) -> None:
    """`mail` is a notification that the gateway made, or a delivery status notification to the sender."""
    count(counter)
    if not _log.isEnabledFor(ACTIVITY):
        return
    _write(
        mail.id,
        f"CREATED, notify=<{notify}>, nrcpt={len(mail.envelope.recipients)}, size={mail.size},"
        f" srcid={mail.source_id}",
    )


def delivered(count: CountOne, mail: Mail, reply: RecipientReply) -> None:
    """Delivery to one recipient ended: the next hop took the mail, or it failed for good."""
    count(Counter.SENT_RECIPIENTS if reply.answer is Answer.DELIVERED else Counter.FAILED_RECIPIENTS)
    if not _log.isEnabledFor(ACTIVITY):
        return
    status = "sent" if reply.answer is Answer.DELIVERED else "failed"
    _write(
        mail.id,
        f"DELIVERED, rcpt=<{_angled(reply.address)}>, server={_plain(reply.server)}, size={mail.size},"
        f" status={status}",
    )


def deferred(count: CountOne, mail: Mail, reply: RecipientReply) -> None:
    """Delivery to one recipient did not work now and will be tried again."""
    count(Counter.DEFERRED_RECIPIENTS)
    if not _log.isEnabledFor(ACTIVITY):
        return
    said = " ".join(part for part in (str(reply.code or ""), reply.enhanced, reply.text) if part)
    _write(
        mail.id,
        f"DEFERRED, rcpt=<{_angled(reply.address)}>, server={_plain(reply.server)}, size={mail.size},"
        f' reply="{_quoted(said)}"',
    )


def blocked(count: CountOne, mail: Mail) -> None:
    """The policy keeps `mail` from all its recipients."""
    for _ in mail.envelope.recipients:
        count(Counter.BLOCKED_RECIPIENTS)
    if not _log.isEnabledFor(ACTIVITY):
        return
    for to in mail.envelope.recipients:
        _write(mail.id, f"BLOCKED, rcpt={_plain(to.address)}, size={mail.size}")


def parked(count: CountOne, mail: Mail, stage: Stage, error: BaseException) -> None:
    """A fault stopped `mail` at `stage`. Of a fault nobody expected, the traceback follows."""
    count(step_of(stage, "parked"))
    _log.error(
        'PARKED, stage=%s, srcid=%s, reason="%s"',
        stage.value,
        mail.source_id,
        _quoted(f"{type(error).__name__}: {error}"),
        exc_info=None if isinstance(error, GatewayError) else error,
        extra={"mail_id": mail.id},
    )


def _write(mail_id: str, line: str) -> None:
    _log.log(ACTIVITY, line, extra={"mail_id": mail_id})


def _told(said: Mapping[str, str | None]) -> str:
    """The fields of what a client said, each followed by a comma; none for what it did not say."""
    return "".join(f"{name}=<{_angled(value)}>, " for name, value in said.items() if value is not None)


def _cut(value: str) -> str:
    return one_line(value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}...")


def _plain(value: str) -> str:
    return _cut(value).replace(",", "?")


def _angled(value: str) -> str:
    return _cut(value).replace("<", "?").replace(">", "?")


def _quoted(value: str) -> str:
    return _cut(value).replace('"', "'")
