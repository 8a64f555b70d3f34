"""The configuration file in the hands of somebody far away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.config import file
from gateway.config.file import MASK, ChangedMeanwhile, ConfigFile, NotOurs, masked
from gateway.config.findings import InvalidConfig
from tests.support.configuration import MINIMAL

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECRET = "postgresql://gateway:s3cr3t@db.example/records"
TEXT = f"{MINIMAL}[gateway.records]\nUrl={SECRET}\n# Url=amqp://u:old-s3cr3t@mq.example/\n"


@pytest.fixture
def config(tmp_path: Path) -> ConfigFile:
    path = tmp_path / "smtpgw.conf"
    path.write_text(TEXT)
    path.chmod(0o640)
    return ConfigFile(path, tmp_path / "history", {})


def test_secrets_are_not_shown(config: ConfigFile) -> None:
    shown = config.text()

    assert "s3cr3t" not in shown
    assert f"Url=postgresql://gateway:{MASK}@db.example/records" in shown
    assert f"# Url=amqp://u:{MASK}@mq.example/" in shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Url=amqp://guest:a@b@host:5672/v", f"Url=amqp://guest:{MASK}@host:5672/v"),
        ("Url=postgresql:///r?user=u&password=x&ssl=1", f"Url=postgresql:///r?user=u&password={MASK}&ssl=1"),
        ("ProxyAddress=http://:x@proxy.example:3128", f"ProxyAddress=http://:{MASK}@proxy.example:3128"),
        ("Url=embedded:", "Url=embedded:"),
        ("NotifyFromAddress=a@own.example", "NotifyFromAddress=a@own.example"),
    ],
)
def test_what_a_secret_is(line: str, shown: str) -> None:
    assert masked(line) == shown
    assert masked(shown) == shown


def test_a_draft_made_of_what_was_shown_keeps_the_secrets(config: ConfigFile) -> None:
    draft = config.text().replace("CheckSpam=true", "CheckSpam=false")

    config.replace(draft, NOW)

    assert config.path.read_text() == TEXT.replace("CheckSpam=true", "CheckSpam=false")
    assert config.path.stat().st_mode & 0o777 == 0o640


def test_a_mask_that_stands_for_nothing_is_an_error_with_its_line(config: ConfigFile) -> None:
    findings = config.examined(f"{MINIMAL}[gateway.records]\nUrl=postgresql://other:{MASK}@db.example/r\n")

    [error] = findings.errors
    assert f":{len(MINIMAL.splitlines()) + 2}: error:" in str(error)


def test_a_draft_that_is_wrong_changes_nothing(config: ConfigFile) -> None:
    with pytest.raises(InvalidConfig, match="CheckSpam"):
        config.replace(config.text().replace("CheckSpam=true", "CheckSpam=perhaps"), NOW)

    assert config.path.read_text() == TEXT
    assert config.versions() == ()


def test_a_draft_of_another_base_changes_nothing(config: ConfigFile) -> None:
    with pytest.raises(ChangedMeanwhile):
        config.replace(config.text(), NOW, base="0" * 12)

    config.replace(config.text(), NOW, base=config.digest())


def test_what_was_replaced_is_kept_and_comes_back(config: ConfigFile) -> None:
    config.replace(config.text().replace("CheckSpam=true", "CheckSpam=false"), NOW)
    [version] = config.versions()
    assert version.replaced_at == NOW
    assert "s3cr3t" not in (config.version(version.id) or "")

    assert config.roll_back(version.id, NOW + timedelta(seconds=1), dry_run=True) is not None
    assert config.path.read_text() != TEXT
    config.roll_back(version.id, NOW + timedelta(seconds=1))

    assert config.path.read_text() == TEXT
    assert len(config.versions()) == 2
    assert {path.stat().st_mode & 0o777 for path in (config.path.parent / "history").iterdir()} == {0o600}


def test_only_so_many_versions_are_kept(config: ConfigFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "MOST_VERSIONS", 3)
    for number in range(5):
        config.replace(config.text(), NOW + timedelta(seconds=number))

    kept = [version.replaced_at for version in config.versions()]
    assert kept == [NOW + timedelta(seconds=number) for number in (4, 3, 2)]


@pytest.mark.parametrize("version", ["../smtpgw", "x", "20260105T120000000000Z-000000000000"])
def test_no_other_file_is_a_version(config: ConfigFile, version: str) -> None:
    assert config.version(version) is None
    assert config.roll_back(version, NOW) is None


def test_a_draft_reads_no_other_file_of_the_machine(config: ConfigFile, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("[the key]\nvery=secret\n")

    findings = config.examined(f"{TEXT}!include {tmp_path}/key.pem\n")

    assert findings.errors
    assert "very" not in "".join(map(str, findings.errors))
    assert "a draft can name no file that is not in use already" in str(findings.errors[0])


def test_a_draft_may_name_the_files_that_are_in_use(config: ConfigFile, tmp_path: Path) -> None:
    (tmp_path / "domains").write_text("company.example\n")
    text = TEXT.replace("ProtectedDomains=company.example", f"ProtectedDomains=file:{tmp_path}/domains")
    config.path.write_text(text)

    assert config.examined(config.text()).errors == ()


def test_a_file_that_cannot_be_replaced_stays_as_it_is(config: ConfigFile, tmp_path: Path) -> None:
    (tmp_path / "history").write_text("in the way")

    with pytest.raises(NotOurs):
        config.replace(config.text(), NOW)

    assert config.path.read_text() == TEXT
