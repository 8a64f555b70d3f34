from __future__ import annotations

import hashlib

import pytest

from gateway.dns.port import Tlsa
from gateway.domain.tls import OutgoingTls
from services.sender.dane import is_published, usable
from services.sender.security import Security
from tests.support.certificates import NOW, YEAR, Certificate, authority, host_certificate

ROOT = authority("Root")
MIDDLE = authority("Middle", by=ROOT)
MX = host_certificate("mx.b.example", by=MIDDLE)
EXPIRED = host_certificate("mx.b.example", by=MIDDLE, begins=NOW - 2 * YEAR, ends=NOW - YEAR)
ALONE = host_certificate("whatever.example")


def says(*records: Tlsa, names: tuple[str, ...] = ("mx.b.example", "b.example")) -> Security:
    return Security(OutgoingTls.VERIFY, tlsa=records, names=names)


def names(certificate: Certificate, usage: int, selector: int, matching: int) -> Tlsa:
    content = certificate.public_key if selector else certificate.der
    digest = {0: lambda: content, 1: lambda: hashlib.sha256(content).digest(), 2: lambda: _sha512(content)}
    return Tlsa(usage, selector, matching, digest[matching]())


def _sha512(content: bytes) -> bytes:
    return hashlib.sha512(content).digest()


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_a_record_names_the_hosts_own_certificate_or_key(selector: int, matching: int) -> None:
    security = says(names(ALONE, 3, selector, matching))

    assert is_published(security, ALONE.chain, NOW)
    assert not is_published(security, MX.chain, NOW)


def test_neither_dates_nor_names_count_when_the_record_names_the_host() -> None:
    assert is_published(says(names(EXPIRED, 3, 1, 1), names=("other.example",)), EXPIRED.chain, NOW)


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("above", [ROOT, MIDDLE])
def test_a_record_names_an_authority_that_the_host_shows(
    above: Certificate, selector: int, matching: int
) -> None:
    assert is_published(says(names(above, 2, selector, matching)), MX.chain, NOW)


def test_an_authority_counts_for_certificates_that_are_valid_by_it() -> None:
    security = says(names(ROOT, 2, 1, 1))

    assert not is_published(security, EXPIRED.chain, NOW)
    assert not is_published(security, host_certificate("mx.c.example", by=MIDDLE).chain, NOW)
    assert not is_published(security, ALONE.chain, NOW)
    assert not is_published(says(names(authority("Other"), 2, 1, 1)), MX.chain, NOW)


def test_an_authority_may_vouch_for_the_domain_itself() -> None:
    assert is_published(says(names(ROOT, 2, 1, 1)), host_certificate("b.example", by=MIDDLE).chain, NOW)


def test_a_certificate_shown_beside_others_that_it_has_nothing_to_do_with_proves_nothing() -> None:
    chain = (ALONE.der, *MX.chain[1:])

    assert not is_published(says(names(ROOT, 2, 1, 1), names=("whatever.example",)), chain, NOW)


def test_an_authority_in_the_record_itself_need_not_be_shown() -> None:
    direct = host_certificate("mx.b.example", by=ROOT)

    assert is_published(says(names(ROOT, 2, 0, 0)), direct.chain[:1], NOW)
    assert not is_published(says(names(ROOT, 2, 0, 1)), direct.chain[:1], NOW)


def test_one_record_that_fits_is_enough() -> None:
    assert is_published(says(names(ROOT, 3, 1, 1), names(MX, 3, 1, 1)), MX.chain, NOW)


@pytest.mark.parametrize("chain", [(), (b"",), (b"garbage", b"more")])
def test_what_is_no_certificate_is_not_published(chain: tuple[bytes, ...]) -> None:
    assert not is_published(says(names(ROOT, 2, 0, 0), names(MX, 3, 1, 1), names(MX, 2, 1, 1)), chain, NOW)


@pytest.mark.parametrize(
    "record",
    [
        Tlsa(0, 1, 1, bytes(32)),
        Tlsa(1, 1, 1, bytes(32)),
        Tlsa(255, 1, 1, bytes(32)),
        Tlsa(3, 2, 1, bytes(32)),
        Tlsa(3, 1, 3, bytes(32)),
        Tlsa(3, 1, 1, bytes(64)),
        Tlsa(3, 1, 2, bytes(32)),
    ],
)
def test_records_that_say_nothing_about_smtp_are_left_out(record: Tlsa) -> None:
    fitting = Tlsa(3, 1, 1, bytes(32))

    assert usable([record, fitting]) == (fitting,)
