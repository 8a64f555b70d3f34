"""`keepup2date`: its options, its report, and its return codes (reference, section 18)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest

from cli.keepup2date import Code, main
from cli.progress import ProgressBar, progress_line
from gateway.bases import shelf
from gateway.bases.catalogue import open_set
from gateway.licences.keyfile import write_key
from gateway.runtime import wiring
from services.scanner.signatures.building import build_set
from services.scanner.signatures.signatures import SHIPPED
from tests.support.bases import MADE_AT
from tests.support.gateway import Site, make_site
from tests.support.licences import MAKER, SIGNERS, a_licence
from tests.support.signatures import a_rule
from tests.support.update_server import update_host
from tests.support.updates import HOUR, Maker

TODAY = date.today()
SOURCES = SHIPPED.parent / "sources"


@dataclass
class Command:
    """The command at a site, and the maker whose databases it gets."""

    site: Site
    maker: Maker
    monkeypatch: pytest.MonkeyPatch
    captured: pytest.CaptureFixture[str]

    def set(self, name: str, value: str) -> None:
        self.monkeypatch.setenv(f"SMTPGW_{name}", value)

    def run(self, *options: str) -> tuple[int, str, str]:
        """What it returned, printed, and said on standard error."""
        code = main([*options, "-c", str(self.site.config)])
        told = self.captured.readouterr()
        return code, told.out, told.err

    def publish(self, *rules: str, without: str = "") -> str:
        """Anti-virus databases as they are shipped, with more rules or without a file of sources."""
        number = self.maker.made
        self.maker.made += 1
        sources, made = self.site.folder / f"sources-{number}", self.site.folder / f"set-{number}"
        sources.mkdir()
        made.mkdir()
        for path in SOURCES.iterdir():
            if path.suffix in (".yar", ".sha256") and path.stem != without:
                (sources / path.name).write_bytes(path.read_bytes())
        (sources / "more.yar").write_text("".join(rules))
        build_set(sources, made, MADE_AT + number * HOUR, portable=True)
        self.maker.server.publish([open_set(made)])
        return open_set(made).manifest.version

    @property
    def in_use(self) -> str | None:
        return shelf.current_version(self.site.folder / "bases" / "av")

    @property
    def report(self) -> str:
        return (self.site.folder / "keepup2date.log").read_text()


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    maker = Maker(tmp_path / "server")
    (tmp_path / "root.json").write_bytes(maker.begin())
    site = make_site(
        tmp_path,
        next_hop_port=1,
        settings={
            "updater.options UpdateServerUrl": str(maker.folder),
            "updater.options UseUpdateServerUrl": "yes",
            "gateway.updates RootFile": str(tmp_path / "root.json"),
        },
    )
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(wiring, "shipped_signers", lambda: SIGNERS)
    licence = a_licence(created=TODAY, use_by=TODAY + timedelta(days=30), lifespan=30)
    for key in (tmp_path / "licenses").glob("*.key"):
        key.write_text(write_key(licence, MAKER))
    return Command(site, maker, monkeypatch, capsys)


def test_an_update_returns_1_and_nothing_new_0(command: Command) -> None:
    version = command.publish()

    code, out, err = command.run()
    assert (code, err) == (Code.UPDATED, "")
    assert f"databases av: updated, those of the gateway to {version}" in out
    assert command.in_use == version

    code, out, _ = command.run()
    assert (code, out.splitlines()[-1]) == (Code.NOTHING_NEW, "Nothing to update")


def test_databases_that_would_find_something_in_good_mail_are_refused_with_a_report(
    command: Command,
) -> None:
    first = command.publish()
    command.run()
    second = command.publish(a_rule('"Ann Example"', threat="Trojan.Greedy"))

    code, _, _ = command.run()

    assert code == Code.FAILED
    assert f"E]: databases av: refused, {first} to {second}" in command.report
    assert "Trojan.Greedy is found in a good message" in command.report
    assert command.in_use == first
    # Until there is another version it is passed over, and an operator can insist.
    assert command.run()[0] == Code.NOTHING_NEW
    assert command.run("--again")[0] == Code.FAILED


def test_no_source_that_works_is_10(command: Command) -> None:
    command.set("UPDATER_OPTIONS_UPDATESERVERURL", "http://127.0.0.1:1/")
    command.set("UPDATER_OPTIONS_USEUPDATESERVERURLONLY", "yes")

    code, out, _ = command.run()

    assert (code, out.splitlines()[-1]) == (Code.FAILED, "Update failed")
    assert "F]: http://127.0.0.1:1/:" in command.report


def test_without_any_source_it_says_where_to_name_one(command: Command) -> None:
    command.set("UPDATER_OPTIONS_USEUPDATESERVERURL", "no")
    command.set("UPDATER_OPTIONS_UPDATESERVERURL", "")

    code, out, _ = command.run()

    assert code == Code.FAILED
    assert "updcfg.xml" in out


def test_the_servers_of_the_list_are_asked_when_the_own_source_fails_those_of_the_region_first(
    command: Command,
) -> None:
    command.publish()
    with update_host(command.maker.folder) as near:
        (command.site.folder / "bases" / "updcfg.xml").write_text(
            f'<servers><server url="http://127.0.0.1:1/" region="us"/>'
            f'<server url="{near.url}" region="EU"/></servers>'
        )
        command.set("UPDATER_OPTIONS_UPDATESERVERURL", "/nowhere.example")
        command.set("UPDATER_OPTIONS_REGIONSETTINGS", "eu")

        code, out, _ = command.run()

    assert code == Code.UPDATED
    assert out.index("/nowhere.example") < out.index(near.url)
    assert "127.0.0.1:1/" not in out


def test_a_server_list_that_cannot_be_read_is_told(command: Command) -> None:
    (command.site.folder / "bases" / "updcfg.xml").write_text("<servers>")

    code, out, _ = command.run()

    assert code == Code.FAILED
    assert "updcfg.xml: no element found" in out


def test_without_a_key_it_is_60_and_a_key_counts_to_the_end_of_its_last_day(command: Command) -> None:
    command.publish()
    (key,) = (command.site.folder / "licenses").glob("*.key")
    key.unlink()
    code, out, _ = command.run()
    assert (code, "no licence key is installed" in out) == (Code.NO_LICENCE, True)

    made = TODAY - timedelta(days=40)
    ended = a_licence(created=made, use_by=TODAY, lifespan=1)
    key.write_text(write_key(ended, MAKER))
    assert command.run()[0] == Code.UPDATED


def test_a_licence_that_ended_stops_updates(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    version = command.publish()
    command.run()
    command.publish(a_rule('"a worm of the test"', threat="Worm.A"))
    monkeypatch.setattr(wiring, "utc_now", lambda: datetime.now(UTC) + timedelta(days=31))

    code, out, _ = command.run()

    assert (code, "databases are updated no more" in out) == (Code.NO_LICENCE, True)
    assert command.in_use == version
    assert command.run("-r")[0] == Code.FAILED  # to go back needs no licence, but a backup


def test_a_configuration_with_errors_is_75_and_a_bad_option_is_no_success(command: Command) -> None:
    assert main(["-c", "/nowhere.example"]) == Code.BAD_CONFIG
    assert command.run("-x")[0] == Code.FAILED
    assert command.run("-r", "-u", "/mirror.example")[0] == Code.FAILED


def test_the_command_afterwards_is_run_and_its_failure_is_30(command: Command) -> None:
    mark = command.site.folder / "it ran"
    command.set("UPDATER_OPTIONS_POSTUPDATECMD", f'{sys.executable} -c \'open("{mark}", "w")\'')
    command.publish()
    assert command.run()[0] == Code.UPDATED
    assert mark.exists()

    mark.unlink()
    assert command.run()[0] == Code.NOTHING_NEW
    assert not mark.exists()

    for number, wrong in enumerate(("/nowhere.example/restart", "false", "'unclosed")):
        command.set("UPDATER_OPTIONS_POSTUPDATECMD", wrong)
        version = command.publish(a_rule(f'"a worm of the test, {number}"', threat="Worm.A"))
        code, out, _ = command.run()
        assert (code, "PostUpdateCmd" in out) == (Code.NOT_CARRIED_OUT, True)
        assert command.in_use == version


def test_the_way_back_and_again(command: Command) -> None:
    first = command.publish()
    command.run()
    second = command.publish(a_rule('"a worm of the test"', threat="Worm.A"))
    command.run()

    assert command.run("-r", "--dry-run")[0] == Code.UPDATED
    assert command.in_use == second
    assert command.run("-r")[0] == Code.UPDATED
    assert command.in_use == first
    assert command.run("-r")[0] == Code.NOTHING_NEW
    assert command.run()[0] == Code.NOTHING_NEW
    assert command.run("--again")[0] == Code.UPDATED
    assert command.in_use == second


def test_the_backup_and_files_on_their_way_lie_where_the_options_say(command: Command) -> None:
    first = command.publish()
    folder = command.site.folder
    options = ("-b", str(folder / "saved"), "-t", str(folder / "tmp"))
    command.run(*options)
    command.publish(a_rule('"a worm of the test"', threat="Worm.A"))

    assert command.run(*options)[0] == Code.UPDATED

    assert open_set(folder / "saved" / "av" / "current").manifest.version == first
    assert not (folder / "bases.backup").exists() or not [*(folder / "bases.backup" / "av").glob("2*")]
    assert not (folder / "tmp").exists()  # all of it was used


def test_a_mirror_serves_other_machines(command: Command) -> None:
    version = command.publish()
    place = command.site.folder / "mirror"
    assert command.run("-u", str(place))[0] == Code.UPDATED
    assert command.run("-u", str(place))[0] == Code.NOTHING_NEW
    assert command.in_use is None

    command.set("UPDATER_OPTIONS_UPDATESERVERURL", place.as_uri())
    assert command.run()[0] == Code.UPDATED
    assert command.in_use == version


def test_the_report_begins_anew_or_goes_on_and_has_what_its_level_lets_through(command: Command) -> None:
    command.publish()
    command.run()
    command.set("UPDATER_REPORT_APPEND", "yes")
    command.run()
    assert command.report.count("Mailwarden Updater") == 2
    command.set("UPDATER_REPORT_APPEND", "no")
    command.run()
    assert command.report.count("Mailwarden Updater") == 1

    command.set("UPDATER_REPORT_REPORTLEVEL", "1")
    command.run()
    assert command.report == ""

    other = command.site.folder / "updatesreport.log"
    command.set("UPDATER_REPORT_REPORTLEVEL", "3")
    command.run("-l", str(other))
    assert other.read_text().endswith(" I]: Nothing to update\n")


def test_a_report_that_cannot_be_written_stops_no_update_unless_it_was_asked_for(command: Command) -> None:
    command.publish()
    command.set("UPDATER_REPORT_REPORTFILENAME", "/nowhere.example/report")

    assert command.run("-l", "/nowhere.example/report")[0] == Code.FAILED
    code, _, err = command.run()

    assert code == Code.UPDATED
    assert err == "keepup2date: no report: /nowhere.example/report: No such file or directory\n"


@pytest.mark.parametrize("silent", ["-q", "KeepSilent"])
def test_in_silence_nothing_is_printed(command: Command, silent: str) -> None:
    command.publish()
    if silent == "KeepSilent":
        command.set("UPDATER_OPTIONS_KEEPSILENT", "yes")

    code, out, err = command.run(*(["-q"] if silent == "-q" else []))

    assert (code, out, err) == (Code.UPDATED, "", "")


def test_the_settings_are_shown_without_passwords(command: Command) -> None:
    command.set("UPDATER_OPTIONS_UPDATESERVERURL", "http://we:secret@updates.example/")
    command.set("UPDATER_OPTIONS_USEPROXY", "yes")
    command.set("UPDATER_OPTIONS_PROXYADDRESS", "we:secret@proxy.example:3128")

    code, out, _ = command.run("-s")

    assert code == 0
    assert "Sources: http://updates.example/" in out
    assert "Proxy: proxy.example:3128" in out
    assert "secret" not in out


def test_av_alone_is_updated_when_the_configuration_says_so(command: Command) -> None:
    command.publish()
    command.set("UPDATER_OPTIONS_UPDATEBASES", "av")

    _, out, _ = command.run()

    assert "databases as" not in out


def test_a_pid_file_says_who_is_at_work(command: Command) -> None:
    command.publish()
    place = command.site.folder / "keepup2date.pid"

    assert command.run("-d", str(place))[0] == Code.UPDATED
    assert not place.exists()


def test_a_line_of_progress_is_never_wider_than_the_terminal() -> None:
    assert progress_line("av/rules.yar", 50, 100, 80) == f" 50 % [{'=' * 12}{' ' * 12}] av/rules.yar"
    assert progress_line("av/rules.yar", 0, 0, 80).startswith("100 %")
    assert len(progress_line("av/" + "x" * 100, 1, 2, 40)) == 39


def test_the_bar_is_drawn_once_for_each_step_and_steps_aside() -> None:
    terminal = StringIO()
    bar = ProgressBar(terminal)

    for have in (1000, 1001, 2000):
        bar.told("av/words", have, 1_000_000)
    bar.clear()

    assert terminal.getvalue().count("av/words") == 1
    assert terminal.getvalue().endswith("\r\x1b[K")
    told: Callable[[str, int, int], None] = ProgressBar(None).told
    told("av/words", 1, 2)
