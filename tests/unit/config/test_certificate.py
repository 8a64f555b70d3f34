"""What `smtpgw -k` says of a certificate and its key, and what TLS makes of them."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from gateway.config.certificate import server_context
from gateway.config.findings import printable
from gateway.config.load import check
from gateway.config.sections.transport import TlsSection, TlsVersion
from gateway.domain.errors import ConfigError
from tests.support.certificates import NOW, YEAR, host_certificate
from tests.support.configuration import MINIMAL

GOOD = host_certificate("gw.example")
OTHER = host_certificate("other.example")


def found(folder: Path, certificate: Path, key: Path, *more: str) -> tuple[str, ...]:
    """What is found about TLS with these files, without its place."""
    config = folder / "smtpgw.conf"
    lines = (f"[gateway.tls]\nCertificate={certificate}\nKey={key}\n", *more)
    config.write_text(MINIMAL + "".join(lines))
    return tuple(line.partition(": ")[2].replace(f"{folder}/", "") for line in printable(check(config, {})))


def test_a_certificate_and_its_key_are_usable(tmp_path: Path) -> None:
    certificate, key = GOOD.write(tmp_path, "gw")

    context = server_context(TlsSection(certificate=certificate, key=key, minimum_version=TlsVersion.V1_3))

    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert found(tmp_path, certificate, key, "ListenOn=0.0.0.0:465\n") == ()


def test_without_a_certificate_there_is_no_tls() -> None:
    assert server_context(TlsSection()) is None


def test_the_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    certificate, _ = GOOD.write(tmp_path, "gw")
    _, key = OTHER.write(tmp_path, "other")

    assert found(tmp_path, certificate, key) == (
        "error: Key: other.key is not the key of gw.pem: name the one that the certificate was made for",
    )
    with pytest.raises(ConfigError, match=r"\[gateway.tls\] Key: .*other.key is not the key"):
        server_context(TlsSection(certificate=certificate, key=key))


def test_files_that_hold_something_else_are_refused(tmp_path: Path) -> None:
    certificate, key = GOOD.write(tmp_path, "gw")

    assert found(tmp_path, key, key) == ("error: Certificate: gw.key holds no certificate in PEM",)
    assert found(tmp_path, certificate, certificate) == ("error: Key: gw.pem holds no private key in PEM",)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    certificate, key = GOOD.write(tmp_path, "gw")
    broken_certificate, broken_key = tmp_path / "broken.pem", tmp_path / "broken.key"
    broken_certificate.write_text(certificate.read_text().replace("\nMII", "\n####"))
    broken_key.write_text(key.read_text()[:60] + "\n-----END PRIVATE KEY-----\n")

    (of_certificate,) = found(tmp_path, broken_certificate, key)
    (of_key,) = found(tmp_path, certificate, broken_key)

    assert of_certificate.startswith("error: Certificate: broken.pem is damaged (")
    assert of_key.startswith("error: Key: broken.key cannot be used (")


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    certificate, key = GOOD.write(tmp_path, "gw")
    encryption = BestAvailableEncryption(b"secret")
    key.write_bytes(GOOD.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))

    assert found(tmp_path, certificate, key) == (
        "error: Key: gw.key is encrypted: store it without a passphrase",
    )


def test_a_file_that_cannot_be_read_says_who_has_to(tmp_path: Path) -> None:
    certificate, key = GOOD.write(tmp_path, "gw")
    missing = tmp_path / "missing.key"

    assert found(tmp_path, certificate, missing) == (
        "error: Key: there is no file missing.key: put it there, or correct the path",
    )
    with pytest.raises(ConfigError, match=r"cannot be read .*: the account of the gateway needs to read it"):
        server_context(TlsSection(certificate=tmp_path, key=key))


def test_an_expired_certificate_is_worth_a_warning(tmp_path: Path) -> None:
    ended = NOW - timedelta(days=1)
    certificate, key = host_certificate("gw.example", begins=NOW - YEAR, ends=ended).write(tmp_path, "gw")

    (warned,) = found(tmp_path, certificate, key)

    assert warned == (f"warning: Certificate: gw.pem ended on {ended:%Y-%m-%d}: renew it")


def test_a_port_with_tls_needs_a_certificate_and_a_port_of_its_own(tmp_path: Path) -> None:
    config = tmp_path / "smtpgw.conf"
    config.write_text(f"{MINIMAL}[gateway.tls]\nListenOn=0.0.0.0:25\n[smtpgw.network]\nListenOn=0.0.0.0:25\n")

    texts = [line.partition(": ")[2] for line in printable(check(config, {}))]

    assert "error: ListenOn needs TLS to speak: add Certificate and Key" in texts
    assert any("ListenOn of [gateway.tls]=0.0.0.0:25 is taken already by ListenOn" in text for text in texts)
