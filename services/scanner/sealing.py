"""Our seal under mail that the gateway changed: who trusts us may still believe what we saw (RFC 8617)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gateway.authentication.arc.sealing import Sealer, arc_set
from gateway.authentication.dkim.bodyhash import BodyHashes
from gateway.authentication.dkim.keys import load_own_key
from gateway.authentication.dkim.signing import COVERAGE
from gateway.authentication.header import Beginning, Header
from gateway.blobs.leaving import message_chunks
from gateway.blobs.port import Blobs
from gateway.config.sections.authentication import AuthenticationSection
from gateway.domain.errors import ConfigError
from gateway.domain.mail import Mail


def sealer_of(section: AuthenticationSection, hostname: str) -> Sealer | None:
    """Who seals, if anybody does. Raises `ConfigError` when the key cannot be used."""
    if section.seal_key is None or not (section.seal_domain and section.seal_selector):
        return None
    try:
        pem = section.seal_key.read_bytes()
    except OSError as error:
        raise ConfigError(f"SealKey: {section.seal_key} cannot be read: {error.strerror}") from error
    return Sealer(hostname, section.seal_domain, section.seal_selector, load_own_key(pem))


async def sealed(mail: Mail, sealer: Sealer | None, blobs: Blobs, now: datetime) -> Mail:
    """`mail` with our seal on top, if its content was changed and its chain was looked at."""
    arc = mail.authentication and mail.authentication.arc
    if sealer is None or not arc or not mail.edits:
        return mail
    beginning, body = Beginning(), None
    async for chunk in message_chunks(mail, blobs):
        if body is not None:
            body.update(chunk)
        elif beginning.add(chunk):
            body = BodyHashes([COVERAGE])
            body.update(beginning.parted()[1])
    header = Header(beginning.parted()[0])
    if body is None or header.too_long:
        return mail
    added = arc_set(header, body.finish()[COVERAGE].digest, arc.result, sealer, now.timestamp())
    return replace(mail, top=added + mail.top) if added else mail
