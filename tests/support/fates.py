"""What becomes of a message in a gateway: delivered how, kept where, and who is told."""

from __future__ import annotations

import io
import zipfile
from base64 import b64encode
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.support.embedded import ENDS, Embedded, Kept
from tests.support.passage import ENDS_WITHIN, an_address
from tests.support.samples import virus_test_file, with_attachment
from tests.support.waiting import until

SENDER = "me@client.example"
ADMIN = "postmaster@company.example"
"""Of the shipped configuration."""


class Shape(Enum):
    """How a message arrives, or that it does not."""

    AS_IT_CAME = "as it came"
    CURED = "cured"
    WITHOUT = "without its attachment"
    PLACEHOLDER = "with a text instead of its attachment"
    LABELLED = "with a label in its subject"
    BLOCKED = "not at all"


@dataclass(frozen=True, slots=True)
class Fate:
    """All that became of one message."""

    shape: Shape
    told: str = ""  # of administrator, recipient and sender: the first letters of those who had a notice
    quarantine: str = ""  # the status under which a copy lies there


def a_protected_zip(content: bytes) -> bytes:
    """An archive whose one member says that it is encrypted."""
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("member.txt", content)
        packed = bytearray(file.getvalue())
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    return bytes(packed)


def a_sample(kind: str, name: str = "sample.txt") -> bytes:
    """A message with an attachment: `clean`, `protected`, or a variant of the test file by its prefix."""
    match kind:
        case "clean":
            content = b"harmless"
        case "protected":
            encoded = b64encode(a_protected_zip(b"secret"))
            field = b"Content-Disposition: attachment\r\n"
            message = with_attachment("The invoice", encoded, name)
            return message.replace(field, field + b"Content-Transfer-Encoding: base64\r\n")
        case prefix:
            content = virus_test_file(prefix)
    return with_attachment("The invoice", content, name)


async def fate_of(gateway: Embedded, message: bytes, domain: str, quarantine: Path | str = "") -> Fate:
    """Send a message to somebody new in that domain, and see what becomes of it."""
    address = an_address(domain)
    assert await gateway.post(message, address, sender=SENDER) == "250 2.1.0 OK"
    await until(lambda: bool(_ended(gateway, address)), within=ENDS_WITHIN)
    [mail] = _ended(gateway, address)

    notices = [kept for kept in gateway.kept() if kept.source_id == mail.id != kept.id]
    letters = {ADMIN: "a", address: "r", SENDER: "s"}
    told = sorted(letters[to] for notice in notices for to in notice.recipients)
    entry = await gateway.gateway.storages.entries.find(str(quarantine), mail.id)
    return Fate(_shape(gateway, address, message, mail), "".join(told), entry.status if entry else "")


def _ended(gateway: Embedded, address: str) -> list[Kept]:
    return [kept for kept in gateway.kept(address) if kept.id == kept.source_id and kept.state in ENDS]


def _shape(gateway: Embedded, address: str, sent: bytes, mail: Kept) -> Shape:
    arrived = [taken.body for taken in gateway.arrived(address) if "<>" not in taken.mail_from]
    if mail.state == "blocked":
        assert not arrived
        return Shape.BLOCKED
    [body] = arrived
    before = sent.rpartition(b"\r\n--edge\r\n")[0]
    if body.endswith(sent):
        return Shape.AS_IT_CAME
    if virus_test_file() in body:
        raise AssertionError(body)
    if body.endswith(b"\r\n\r\nCURE\r\n--edge--\r\n"):
        return Shape.CURED
    if body.endswith(before + b"\r\n--edge--\r\n"):
        return Shape.WITHOUT
    return Shape.LABELLED if b"\r\nSubject: [" in body else Shape.PLACEHOLDER
