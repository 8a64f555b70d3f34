from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.licence import LicenceType
from gateway.licences.revocations import MOST_BYTES, read_list, write_list
from gateway.licences.signed import BadKey
from tests.support.licences import MAKER, SIGNERS, a_licence

LIST = write_list(3, ["B", "A", "A"], MAKER)


def test_a_list_can_be_read_by_a_person() -> None:
    assert LIST.splitlines()[:4] == ["Mailwarden revocation list", "Number: 3", "Revoked: A", "Revoked: B"]


def test_a_list_revokes_the_keys_that_it_names() -> None:
    found = read_list(LIST.encode(), SIGNERS)

    assert found.number == 3
    assert [found.revokes(a_licence(serial)) for serial in ("A", "B", "C")] == [True, True, False]
    assert found.types == frozenset(LicenceType)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (LIST.replace("Revoked: A\n", ""), "signature"),
        (LIST.replace("Number: 3", "Number: 4"), "signature"),
        (LIST.replace("Revoked: A", "Pardoned: A"), "cut off"),
        (LIST.replace("Number: 3\n", ""), "cut off"),
        (LIST.rpartition("Signature")[0], "cut off"),
        (write_list(0, [], MAKER), "number is not"),
        (write_list(1, ["A"], Ed25519PrivateKey.generate()), "does not know"),
        ("x" * (MOST_BYTES + 1), "too large"),
    ],
)
def test_what_was_changed_is_no_list(changed: str, why: str) -> None:
    with pytest.raises(BadKey, match=why):
        read_list(changed.encode(), SIGNERS)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(content: bytes) -> None:
    with pytest.raises(BadKey):
        read_list(content, SIGNERS)
