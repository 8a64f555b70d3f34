from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.authentication.arc.sealing import Sealer
from gateway.authentication.examination import Methods
from gateway.authentication.header import MOST_BYTES
from gateway.blobs.memory import MemoryBlobs
from gateway.config.sections.authentication import AuthenticationSection
from gateway.domain.authentication import Arc, Authentication, Result
from gateway.domain.errors import ConfigError
from gateway.domain.mail import Edit, Mail
from gateway.domain.message import composed
from services.scanner.sealing import sealed, sealer_of
from tests.support.authentication import MESSAGE, edwards_key, examined, key_record
from tests.support.mails import NOON, a_mail
from tests.support.zones import ZoneDns

SEALER = Sealer("gw.example", "own.example", "a1", edwards_key())
DNS = ZoneDns({"a1._domainkey.own.example TXT": [key_record(SEALER.key)]})
TOP = b"Authentication-Results: gw.example;\r\n\tdmarc=pass header.from=client.example\r\nReceived: here\r\n"
UNCHAINED = Authentication(arc=Arc(Result.NONE))


async def stored(blobs: MemoryBlobs, message: bytes, **changes: object) -> Mail:
    """A mail whose Subject was changed on the way through the gateway."""
    writer = blobs.create("m1")
    await writer.write(message)
    place = message.index(b"A  message")
    edits = (Edit(place, place, b"[label] "),)
    return replace(
        a_mail("m1", body=await writer.commit(), top=TOP, edits=edits, authentication=UNCHAINED),
        **changes,  # type: ignore[arg-type]  # the caller names fields of Mail
    )


async def test_mail_that_was_changed_leaves_with_our_seal() -> None:
    blobs = MemoryBlobs()
    mail = await sealed(await stored(blobs, MESSAGE), SEALER, blobs, NOON)

    left = composed(mail, await blobs.read(mail.body))
    found = await examined(left, DNS, methods=Methods(spf=False, dkim=False, dmarc=False))

    assert left.startswith(b"ARC-Seal: i=1;")
    assert b"Subject: [label] A  message" in left
    assert found.arc == Arc(Result.PASS, ("own.example",), Result.PASS)


async def test_a_body_of_many_pieces_is_sealed_whole() -> None:
    blobs = MemoryBlobs()
    message = MESSAGE + b"a line of text\r\n" * 100_000
    mail = await stored(blobs, message)
    mail = replace(mail, edits=(*mail.edits, Edit(len(message) - 16, len(message), b"the end\r\n")))

    left = composed(await sealed(mail, SEALER, blobs, NOON), message)

    found = await examined(left, DNS, methods=Methods(spf=False, dkim=False, dmarc=False))
    assert found.arc
    assert found.arc.result is Result.PASS


@pytest.mark.parametrize(
    "changes",
    [
        {"edits": ()},
        {"authentication": None},
        {"authentication": Authentication()},
        {"authentication": Authentication(arc=Arc(Result.TEMPERROR))},
    ],
    ids=["not changed", "ours", "chain not looked at", "chain not known"],
)
async def test_other_mail_is_left_as_it_is(changes: dict[str, object]) -> None:
    blobs = MemoryBlobs()
    mail = await stored(blobs, MESSAGE, **changes)

    assert await sealed(mail, SEALER, blobs, NOON) == mail


async def test_without_a_key_nothing_is_sealed() -> None:
    blobs = MemoryBlobs()
    mail = await stored(blobs, MESSAGE)

    assert await sealed(mail, None, blobs, NOON) == mail


@pytest.mark.parametrize(
    "message", [b"Subject: A  message\r\n", MESSAGE.replace(b"To:", b"X: y\r\n" * (MOST_BYTES // 6) + b"To:")]
)
async def test_a_message_whose_header_cannot_be_read_is_not_sealed(message: bytes) -> None:
    blobs = MemoryBlobs()
    mail = await stored(blobs, message)

    assert await sealed(mail, SEALER, blobs, NOON) == mail


def test_the_key_comes_from_a_file(tmp_path: Path) -> None:
    pem = SEALER.key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "seal.pem").write_bytes(pem)
    section = AuthenticationSection(
        seal_domain="own.example", seal_selector="a1", seal_key=tmp_path / "seal.pem"
    )

    sealer = sealer_of(section, "gw.example")

    assert sealer
    assert (sealer.domain, sealer.selector, sealer.key.algorithm) == ("own.example", "a1", "ed25519-sha256")
    assert sealer_of(AuthenticationSection(), "gw.example") is None


def test_a_key_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    section = AuthenticationSection(seal_domain="own.example", seal_selector="a1", seal_key=tmp_path / "none")

    with pytest.raises(ConfigError, match=r"SealKey: .* cannot be read"):
        sealer_of(section, "gw.example")
