"""Mail values for tests: ordinary ones, of which a test changes only what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from gateway.domain.mail import BodyRef, Envelope, Mail, Recipient

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def an_envelope(*recipients: str, sender: str = "sender@client.example") -> Envelope:
    return Envelope(
        sender=sender,
        recipients=tuple(Recipient(address) for address in recipients or ("user@site.example",)),
        client_ip="192.0.2.1",
        received_at=NOON,
        helo="client.example",
    )


def a_mail(mail_id: str = "AbCdEfGh12345", *recipients: str, **changes: object) -> Mail:
    mail = Mail(
        id=mail_id,
        source_id=mail_id,
        envelope=an_envelope(*recipients),
        body=BodyRef(f"{'0' * 64}-{mail_id}", 100),
        message_id="<1@client.example>",
    )
    return replace(mail, **changes)  # type: ignore[arg-type]  # the caller names fields of Mail
