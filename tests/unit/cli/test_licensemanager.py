from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from cli import licensemanager
from cli.licensemanager import Code, main, usage_lines
from gateway.domain.licence import Licence, Limit, Unit, Usage
from gateway.licences.keyfile import write_key
from gateway.operations.licences import Used
from tests.support.gateway import EVALUATION_KEY, make_site
from tests.support.licences import MAKER, SIGNERS, a_licence

Run = Callable[..., tuple[int, str, str]]

TODAY = date.today()


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command at a site of its own; what it returned, printed, and said on standard error."""
    site = make_site(tmp_path, next_hop_port=1)
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(licensemanager, "shipped_signers", lambda: SIGNERS)

    def run(*options: str) -> tuple[int, str, str]:
        code = main([*options, "-c", str(site.config)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def a_file(folder: Path, licence: Licence, name: str = "00053E3D.key") -> str:
    (folder / name).write_text(write_key(licence, MAKER))
    return str(folder / name)


def a_valid_licence(serial: str = "0007-000487-00086CA") -> Licence:
    return a_licence(serial, created=TODAY, use_by=TODAY + timedelta(days=1000), lifespan=91)


def test_a_key_is_installed_shown_and_removed(command: Run, tmp_path: Path) -> None:
    code, out, _ = command("-a", a_file(tmp_path, a_valid_licence()))
    assert (code, out.splitlines()[-1]) == (0, "Key file 00053E3D.key is successfully registered")

    code, out, _ = command("-s")
    last_day = TODAY + timedelta(days=90)
    assert code == 0
    assert f"Expiration date: {last_day:%d-%m-%Y}, expires in 91 days" in out
    assert "Serial: 0007-000487-00086CA" in out
    assert "Key file 00053E3D.key" in out
    assert "Type: Commercial" in out

    code, out, _ = command("-da")
    assert (code, out.splitlines()[-1]) == (0, "Active key was successfully removed")
    assert command("-s")[0] == Code.BAD_KEY


def test_a_second_key_is_the_backup(command: Run, tmp_path: Path) -> None:
    command("-a", a_file(tmp_path, a_valid_licence("A")))
    code, out, _ = command("-a", a_file(tmp_path, a_valid_licence("B")))

    assert code == 0
    assert "its 91 days begin then" in out
    assert "Additional key info:" in command("-s")[1]

    code, out, _ = command("-dr")

    assert (code, out.splitlines()[-1]) == (0, "Additional key was successfully removed")
    assert command("-dr")[0] == Code.NOT_CHANGED


def test_both_keys_are_removed_at_once(command: Run, tmp_path: Path) -> None:
    command("-a", a_file(tmp_path, a_valid_licence("A")))
    command("-a", a_file(tmp_path, a_valid_licence("B")))

    _, out, _ = command("-d", "a")

    assert out.splitlines()[-2:] == [
        "Active key was successfully removed",
        "Additional key was successfully removed",
    ]


def test_a_key_in_a_file_is_shown_without_being_installed(command: Run, tmp_path: Path) -> None:
    code, out, _ = command("-k", a_file(tmp_path, a_valid_licence()))

    assert code == 0
    assert f"Creation date: {TODAY:%d-%m-%Y}" in out
    assert "Lifespan: 91" in out
    assert command("-s")[0] == Code.BAD_KEY


def test_a_key_that_is_refused_says_why_and_changes_nothing(command: Run, tmp_path: Path) -> None:
    command("-a", a_file(tmp_path, a_valid_licence()))

    code, _, err = command("-a", a_file(tmp_path, a_valid_licence()))
    assert (code, "it is installed already" in err) == (Code.NOT_CHANGED, True)

    forged = tmp_path / "forged.key"
    forged.write_text(write_key(a_valid_licence("B"), MAKER).replace("Lifespan: 91", "Lifespan: 9999"))
    code, _, err = command("-a", str(forged))
    assert (code, "its signature is wrong" in err) == (Code.BAD_KEY, True)

    code, _, err = command("-a", str(EVALUATION_KEY))
    assert (code, "whom this version does not know" in err) == (Code.BAD_KEY, True)

    code, _, err = command("-a", str(tmp_path / "nowhere.key"))
    assert (code, "No such file" in err) == (Code.BAD_KEY, True)


def test_a_licence_without_a_limit_says_so(command: Run, tmp_path: Path) -> None:
    command("-a", a_file(tmp_path, a_valid_licence()))

    assert command("-i")[1].splitlines()[-1] == "The license has no limit."


def test_usage_of_users_is_told() -> None:
    assert usage_lines(Used(Usage(Limit(5, Unit.USERS), 2))) == [
        "License users units: 5",
        "Users units used: 2",
        "Users units left: 3",
    ]


def test_usage_of_traffic_is_told_by_the_hour() -> None:
    hours = [0] * 23 + [1500]

    assert usage_lines(Used(Usage(Limit(10, Unit.MEGABYTES), 1), hours)) == [
        "Daily traffic statistic(Bytes):",
        "0," * 23 + "1500",
        "License traffic units: 10 (MB)",
        "Traffic units used: 1 (MB)",
        "Traffic units left: 9 (MB)",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give one of -s, -k, -a, -d, -i"),
        (["-s", "-i"], "not several"),
        (["-dx"], "'x' is not one of"),
        (["-a"], "requires an argument"),
    ],
)
def test_options_that_make_no_sense_are_told(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == Code.BAD_OPTIONS
    assert said in capsys.readouterr().err


def test_a_configuration_that_is_wrong_has_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "bad.conf").write_text("[nonsense]\n")

    assert main(["-s", "-c", str(tmp_path / "bad.conf")]) == Code.BAD_CONFIG
