from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.licence import Licence, LicenceType, Limit, Scope, Unit
from gateway.licences.keyfile import read_key, write_key
from gateway.licences.signed import BadKey, Signer, name_of
from gateway.licences.signers import read_signers
from tests.support.licences import MAKER, SIGNERS, a_licence

KEY = write_key(a_licence(limit=Limit(50, Unit.USERS)), MAKER)


@pytest.mark.parametrize(
    "licence",
    [
        a_licence(),
        a_licence(limit=Limit(50, Unit.USERS), scope=Scope.ANTI_VIRUS),
        a_licence(limit=Limit(10, Unit.MEGABYTES), type=LicenceType.TRIAL, lifespan=14),
        a_licence(holder="Müller & Söhne: Köln"),
    ],
)
def test_a_key_file_tells_its_licence(licence: Licence) -> None:
    assert read_key(write_key(licence, MAKER).encode(), SIGNERS) == licence


def test_a_key_file_can_be_read_by_a_person() -> None:
    assert KEY.splitlines()[:10] == [
        "Mailwarden licence key",
        "Product: Mailwarden",
        "Serial: 0001-000001-00000001",
        "Holder: Example Ltd",
        "Type: commercial",
        "Scope: anti-virus and anti-spam",
        "Limit: 50 users",
        "Created: 2026-01-05",
        "Use by: 2028-01-05",
        "Lifespan: 365 days",
    ]


@pytest.mark.parametrize(
    "on_the_way",
    [
        KEY.replace("\n", "\r\n"),
        "\ufeff" + KEY,
        KEY.replace("\n", "\n\n"),
        "\n".join(f"  {line} " for line in KEY.splitlines()),
    ],
)
def test_line_ends_and_white_space_may_change_on_the_way(on_the_way: str) -> None:
    assert read_key(on_the_way.encode(), SIGNERS).serial == "0001-000001-00000001"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (KEY.replace("365", "999"), "signature"),
        (KEY.replace("50 users", "none"), "signature"),
        (KEY.replace("Example", "Others"), "signature"),
        (KEY.replace("Signature: ", "Signature: AAAA"), "signature"),
        (KEY.replace("Signature: ", "Signature: ?"), "signature"),
        (KEY.replace("365 days", "soon"), "not possible"),
        (KEY.replace("50 users", "50 dogs"), "not possible"),
        (KEY.replace("365 days", "9" * 150 + " days"), "not possible"),
        (KEY.replace("2026-01-05", "yesterday"), "not possible"),
        (KEY.replace("commercial", "stolen"), "not possible"),
        (KEY.rpartition("Signature")[0], "cut off"),
        (KEY + KEY, "cut off"),
        (KEY.replace("Holder: Example Ltd\n", ""), "cut off"),
        (KEY.replace("Example", "E" * 300), "too long"),
        ("", "first line"),
        ("Hello\n", "first line"),
        ("x" * 20_000, "too large"),
    ],
)
def test_what_was_changed_is_no_key(changed: str, why: str) -> None:
    with pytest.raises(BadKey, match=why):
        read_key(changed.encode(), SIGNERS)


def test_a_key_that_somebody_else_signed_is_none() -> None:
    forged = write_key(a_licence(), Ed25519PrivateKey.generate())

    with pytest.raises(BadKey, match="whom this version does not know"):
        read_key(forged.encode(), SIGNERS)


def test_nobody_gives_keys_of_types_that_are_not_theirs() -> None:
    public = MAKER.public_key()
    signers = {name_of(public): Signer(public, frozenset({LicenceType.EVALUATION}))}

    with pytest.raises(BadKey, match="may not give commercial keys"):
        read_key(KEY.encode(), signers)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(content: bytes) -> None:
    with pytest.raises(BadKey):
        read_key(content, SIGNERS)


@given(st.integers(0, len(KEY) - 1), st.integers(0, 255))
def test_no_byte_can_be_changed_to_another_meaning(place: int, byte: int) -> None:
    content = bytearray(KEY.encode())
    content[place] = byte
    try:
        licence = read_key(bytes(content), SIGNERS)
    except BadKey:
        return
    assert licence == a_licence(limit=Limit(50, Unit.USERS))


def test_signers_come_from_a_file() -> None:
    text = (
        '[{"public_key": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=", "types": ["commercial", "trial"]}]'
    )

    (signer,) = read_signers(text).values()

    assert signer.types == {LicenceType.COMMERCIAL, LicenceType.TRIAL}
    assert read_signers(text).keys() == SIGNERS.keys()
