"""The variants of the anti-virus test file, through the whole gateway, under policies of each kind."""

from __future__ import annotations

import base64
import quopri
import re
from collections.abc import AsyncIterator, Mapping
from email import message_from_bytes
from email.message import Message

import pytest
import pytest_asyncio

from gateway.domain.journey import Ending
from tests.support.archives import a_rar5, a_zip, an_iso
from tests.support.documents import uuencoded
from tests.support.embedded import Embedded, embedded
from tests.support.passage import an_address
from tests.support.posting import added_on_top
from tests.support.samples import TEXT, plain, virus_test_file, with_attachment

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATUS = {
    "": "infected",
    "CORR-": "error",
    "SUSP-": "suspicious",
    "WARN-": "suspicious",
    "ERRO-": "error",
    "CURE-": "infected",
    "DELE-": "infected",
}
"""Reference, section 6.1, without cure."""

each_variant = pytest.mark.parametrize("prefix", STATUS, ids=lambda prefix: prefix or "plain")

_ACTIONS = ("ActionInfected", "ActionSuspicious", "ActionProtected", "ActionError")
GROUPS = "".join(
    f"[smtpgw.group:{action}]\nRecipients=*@{action}.example\n"
    + "".join(f"{parameter}={action}\n" for parameter in _ACTIONS)
    for action in ("remove", "placeholder", "pass")
) + (
    "[smtpgw.group:block]\nRecipients=*@block.example\nBlockMessage=all\n"
    "[smtpgw.group:block_infected]\nRecipients=*@block-infected.example\nBlockMessage=infected\n"
    "[smtpgw.group:unchecked]\nRecipients=*@unchecked.example\nCheckAV=false\n"
    "[smtpgw.group:silent]\nRecipients=*@silent.example\nAddXHeader=false\n"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    async with embedded(tmp_path_factory.mktemp("site"), groups=GROUPS) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def curing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    folder = tmp_path_factory.mktemp("curing")
    async with embedded(folder, settings={"smtpgw.ave Cure": "true"}, groups=GROUPS) as running:
        yield running


@each_variant
async def test_a_removed_object_is_gone_and_the_rest_is_as_it_came(gateway: Embedded, prefix: str) -> None:
    sent = with_attachment("The invoice", virus_test_file(prefix))
    received = await gateway.send(sent, domain="remove.example")

    before, _, _ = sent.rpartition(b"\r\n--edge\r\n")
    added_on_top(received.body, before + b"\r\n--edge--\r\n")
    assert _anti_virus(received.body) == STATUS[prefix]


@each_variant
async def test_a_placeholder_stands_where_the_object_was(gateway: Embedded, prefix: str) -> None:
    sent = with_attachment("The invoice", virus_test_file(prefix), name="invoice.com")
    received = await gateway.send(sent, domain="placeholder.example")

    first, *others = _parts(received.body)
    assert first == TEXT
    assert virus_test_file() not in received.body
    # The manual has this variant deleted whatever the policy says.
    assert ["invoice.com" in other.decode() for other in others] == ([] if prefix == "DELE-" else [True])
    assert _anti_virus(received.body) == STATUS[prefix]


@each_variant
async def test_a_passed_object_leaves_as_it_came(gateway: Embedded, prefix: str) -> None:
    sent = with_attachment("The invoice", virus_test_file(prefix))
    received = await gateway.send(sent, domain="pass.example")

    assert (virus_test_file(prefix) in received.body) == (prefix != "DELE-")
    assert received.body.endswith(sent) == (prefix != "DELE-")
    assert _anti_virus(received.body) == STATUS[prefix]


@each_variant
async def test_a_blocked_message_is_not_delivered_and_the_next_one_is(gateway: Embedded, prefix: str) -> None:
    address = an_address("block.example")
    await gateway.post(with_attachment("The invoice", virus_test_file(prefix)), address)
    await gateway.send(plain("Lunch on Friday?"), domain="block.example")

    kept = await gateway.ended(address)
    [scanned] = await gateway.steps(kept.id, "Scanned")
    assert (kept.state, scanned["status"]) == (Ending.BLOCKED, STATUS[prefix])
    assert not gateway.arrived(address)


@each_variant
async def test_only_a_listed_status_blocks(gateway: Embedded, prefix: str) -> None:
    address = an_address("block-infected.example")
    await gateway.post(with_attachment("The invoice", virus_test_file(prefix)), address)

    kept = await gateway.ended(address)
    assert kept.state == (Ending.BLOCKED if STATUS[prefix] == "infected" else Ending.DELIVERED)


async def test_a_cured_object_stands_in_the_place_of_the_infected_one(curing: Embedded) -> None:
    sent = with_attachment("The report", virus_test_file("CURE-"))
    received = await curing.send(sent, domain="remove.example")

    added_on_top(received.body, sent.replace(virus_test_file("CURE-"), b"CURE"))
    assert _anti_virus(received.body) == "disinfected"


@pytest.mark.parametrize("prefix", ["", "DELE-"])
async def test_what_cannot_be_cured_is_deleted_even_if_infected_objects_pass(
    curing: Embedded, prefix: str
) -> None:
    received = await curing.send(with_attachment("A", virus_test_file(prefix)), domain="pass.example")

    assert virus_test_file() not in received.body
    assert _parts(received.body) == [TEXT]
    assert _anti_virus(received.body) == "infected"


@pytest.mark.parametrize("prefix", [prefix for prefix in STATUS if STATUS[prefix] != "infected"])
async def test_what_is_not_infected_is_not_cured(curing: Embedded, prefix: str) -> None:
    sent = with_attachment("The report", virus_test_file(prefix))
    received = await curing.send(sent, domain="pass.example")

    added_on_top(received.body, sent)
    assert _anti_virus(received.body) == STATUS[prefix]


def _encoded(encoding: str, content: bytes) -> bytes:
    return with_attachment("Encoded", content).replace(
        b"Content-Disposition", f"Content-Transfer-Encoding: {encoding}\r\nContent-Disposition".encode()
    )


_INFECTED = virus_test_file()
_ATTACHED = with_attachment("Inner", _INFECTED).replace(b"edge", b"inner")
HIDDEN: Mapping[str, bytes] = {
    "alone": plain("Alone", _INFECTED + b"\r\n"),
    "base64": _encoded("base64", base64.encodebytes(_INFECTED).strip()),
    "base64 in short lines": _encoded("BASE64", base64.b64encode(_INFECTED).replace(b"A", b"A\r\n")),
    "quoted-printable": _encoded("quoted-printable", quopri.encodestring(_INFECTED).replace(b"\n", b"\r\n")),
    "quoted-printable, every byte": _encoded(
        "quoted-printable", b"=\r\n".join(b"=%02X" % byte for byte in _INFECTED)
    ),
    "attached message": with_attachment("Outer", _ATTACHED).replace(
        b"application/octet-stream", b"message/rfc822"
    ),
    "attached message in base64": _encoded(
        "base64", base64.encodebytes(_ATTACHED).strip().replace(b"\n", b"\r\n")
    ).replace(b"application/octet-stream", b"message/rfc822"),
    "archive": _encoded("base64", base64.encodebytes(a_zip(_INFECTED)).strip().replace(b"\n", b"\r\n")),
    "archives in each other": _encoded(
        "base64", base64.encodebytes(an_iso(a_rar5(a_zip(_INFECTED)))).strip().replace(b"\n", b"\r\n")
    ),
    "uuencoded": plain("Old", uuencoded(_INFECTED).replace(b"\n", b"\r\n")),
    "an encoding given twice": _encoded(
        "7bit\r\nContent-Transfer-Encoding: base64", base64.encodebytes(_INFECTED).strip()
    ),
    "no closing boundary": with_attachment("Open", _INFECTED).removesuffix(b"\r\n--edge--\r\n") + b"\r\n",
}


@pytest.mark.parametrize("sent", HIDDEN.values(), ids=HIDDEN.keys())
async def test_the_test_file_is_found_wherever_a_reader_would_find_it(gateway: Embedded, sent: bytes) -> None:
    address = an_address("block-infected.example")
    await gateway.post(sent, address)

    assert (await gateway.ended(address)).state == Ending.BLOCKED


@pytest.mark.parametrize("sent", HIDDEN.values(), ids=HIDDEN.keys())
async def test_what_is_left_when_it_was_removed_is_clean(gateway: Embedded, sent: bytes) -> None:
    first = await gateway.send(sent, domain="remove.example")
    again = await gateway.send(first.body, domain="remove.example")

    assert (_anti_virus(first.body), _anti_virus(again.body)) == ("infected", "clean")


async def test_a_clean_message_says_so(gateway: Embedded) -> None:
    sent = with_attachment("The photos", b"nothing bad in here")
    received = await gateway.send(sent)

    added_on_top(received.body, sent)
    assert _anti_virus(received.body) == "clean"


async def test_a_message_that_is_not_to_be_scanned_says_so(gateway: Embedded) -> None:
    sent = with_attachment("The invoice", virus_test_file())
    received = await gateway.send(sent, domain="unchecked.example")

    added_on_top(received.body, sent)
    assert _anti_virus(received.body) == "not_checked"


async def test_a_group_may_want_no_header_field(gateway: Embedded) -> None:
    received = await gateway.send(plain("Lunch on Friday?"), domain="silent.example")

    assert "X-Anti-Virus" not in message_from_bytes(received.body)


async def test_the_records_name_the_object_its_status_and_what_became_of_it(gateway: Embedded) -> None:
    address = an_address("remove.example")
    await gateway.post(with_attachment("The invoice", virus_test_file(), name="invoice.com"), address)

    [scanned] = await gateway.steps((await gateway.ended(address)).id, "Scanned")
    objects = scanned["objects"]
    assert isinstance(objects, list)
    assert [(one["name"], one["status"], one["action"]) for one in objects] == [
        ("", "clean", "pass"),
        ("invoice.com", "infected", "remove"),
    ]


async def test_the_records_name_the_object_inside_an_archive(gateway: Embedded) -> None:
    address = an_address("remove.example")
    await gateway.post(HIDDEN["archives in each other"], address)

    [scanned] = await gateway.steps((await gateway.ended(address)).id, "Scanned")
    objects = scanned["objects"]
    assert isinstance(objects, list)
    assert [(one["path"], one["status"], one["action"]) for one in objects] == [
        ("1", "clean", "pass"),
        ("2", "infected", "remove"),
        ("2/FILE.BIN/file.bin/file.bin", "infected", "remove"),
    ]


async def test_an_encrypted_archive_is_protected_and_only_that_blocks(gateway: Embedded) -> None:
    archive = base64.encodebytes(a_rar5(b"secret", encrypted=True)).strip().replace(b"\n", b"\r\n")
    received = await gateway.send(_encoded("base64", archive), domain="block-infected.example")

    assert _anti_virus(received.body) == "protected"


def _anti_virus(message: bytes) -> str:
    """The status that the `X-Anti-Virus` field of this hop gives (reference, section 4.5)."""
    field = str(message_from_bytes(message)["X-Anti-Virus"]).replace("\r\n", "")
    found = re.fullmatch(r"Mailwarden \S+,\s+bases: \d{8} #\d+,\s+check: \d{8}\s+(\w+)", field)
    assert found, field
    return found[1]


def _parts(message: bytes) -> list[bytes]:
    """The decoded parts of a multipart."""
    parsed = message_from_bytes(message)
    return [_content(part) for part in parsed.walk() if not part.is_multipart()]


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content
