from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cli.maker.keys import keys
from gateway.domain.licence import LicenceType
from gateway.licences.keyfile import read_key
from gateway.licences.revocations import read_list
from gateway.licences.signers import read_signers


def made(*arguments: str) -> Result:
    done = CliRunner().invoke(keys, [*arguments, "--passphrase", "secret"])
    assert done.exit_code == 0, done.output
    return done


def test_what_a_maker_signs_is_believed_by_whoever_has_the_public_half(tmp_path: Path) -> None:
    private, key, revoked = (str(tmp_path / name) for name in ("maker.pem", "a.key", "revoked.list"))

    entry = made("new", private, "--type", "commercial").output
    terms = ("--holder", "Example Ltd", "--use-by", "2036-12-31", "--lifespan", "365")
    made("issue", key, "--with-key", private, "--serial", "A", *terms)
    made("revoke", revoked, "--with-key", private, "--number", "2", "--serial", "A", "--serial", "B")

    signers = read_signers(f"[{entry.splitlines()[-1]}]")
    licence = read_key(Path(key).read_bytes(), signers)
    found = read_list(Path(revoked).read_bytes(), signers)
    assert licence.type is LicenceType.COMMERCIAL
    assert (found.number, found.revokes(licence)) == (2, True)
    assert load_pem_private_key(Path(private).read_bytes(), b"secret")
