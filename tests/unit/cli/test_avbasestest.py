from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cli.avbasestest import Code, main
from gateway.bases import shelf
from gateway.bases.catalogue import BaseSet, open_set
from gateway.blobs.carrying import CarryingBlobs
from gateway.blobs.memory import MemoryBlobs
from gateway.domain.mail import BodyRef
from gateway.domain.storage import Storage, StorageKind, StoredStatus
from gateway.records.sqlite import open_sqlite
from gateway.storages.directory import DirectoryPlace
from gateway.storages.storages import Storages
from services.antispam.database.database import SHIPPED as CONTENT
from services.antispam.database.trial import Trial as ContentTrial
from services.scanner.signatures.building import build_set
from services.scanner.signatures.signatures import SHIPPED as SIGNATURES
from services.scanner.signatures.trial import Trial as SignatureTrial
from tests.support.bases import MADE_AT
from tests.support.content import content_in_use
from tests.support.gateway import Site, make_site
from tests.support.mails import NOON, a_mail
from tests.support.signatures import a_rule

Run = Callable[..., tuple[int, str, str]]

SOURCES = SIGNATURES.parent / "sources"

DAY = timedelta(days=1)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(
        tmp_path,
        next_hop_port=1,
        settings={"smtpgw.path OutgoingArchivePath": str(tmp_path / "archive")},
    )


@pytest.fixture
def command(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command at the site; what it returned, printed, and said on standard error."""
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)

    def run(*options: str) -> tuple[int, str, str]:
        code = main([*options, "-c", str(site.config)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def databases(folder: Path, *more: str, without: str = "", made_at: datetime = MADE_AT) -> BaseSet:
    """The shipped databases with more rules, or without a file of their sources."""
    sources, made = folder / "sources", folder / "made"
    sources.mkdir(parents=True)
    made.mkdir()
    for path in SOURCES.iterdir():
        if path.suffix in (".yar", ".sha256") and path.stem != without:
            (sources / path.name).write_bytes(path.read_bytes())
    if more:
        (sources / "more.yar").write_text("".join(more))
    build_set(sources, made, made_at)
    return open_set(made)


@pytest.mark.parametrize("shipped", [SIGNATURES, CONTENT])
def test_the_shipped_databases_are_fit_for_use(command: Run, shipped: Path) -> None:
    code, out, _ = command(str(shipped))

    assert (code, out.splitlines()[-1]) == (Code.FIT, "The databases are fit for use")


def test_databases_without_the_test_file_are_unfit(command: Run, tmp_path: Path) -> None:
    code, _, err = command(str(databases(tmp_path, without="test").folder))

    assert code == Code.UNFIT
    assert "the standard test file is not found" in err


def test_databases_that_find_something_in_good_messages_are_unfit(command: Run, tmp_path: Path) -> None:
    greedy = a_rule('"Invoice 2026"', threat="Trojan.Greedy")
    made = databases(tmp_path, a_rule('"Ann Example"', threat="Trojan.Greedy"), greedy)

    code, _, err = command(str(made.folder))

    assert code == Code.UNFIT
    assert "Trojan.Greedy is found in a good message (invitation.eml)" in err


def test_databases_that_find_something_in_programs_of_everybody_are_unfit(tmp_path: Path) -> None:
    made = databases(tmp_path, a_rule("{ 7F 45 4C 46 }", threat="Linux.Everything"))

    faults = [*SignatureTrial(made).faults()]

    assert faults
    assert all("Linux.Everything is found in a program that everybody has" in fault for fault in faults)


def test_rules_that_spoil_a_variant_of_the_test_file_are_told(tmp_path: Path) -> None:
    made = databases(tmp_path, a_rule('"SUSP-X5O"', threat="Worm.Prefix"))

    assert any(
        "b'SUSP-'... is infected instead of suspicious" in fault for fault in SignatureTrial(made).faults()
    )


def test_a_set_that_is_not_whole_is_unfit(command: Run, tmp_path: Path) -> None:
    made = databases(tmp_path)
    (made.folder / "rules.yar").write_text("rule")

    code, _, err = command(str(made.folder))

    assert code == Code.UNFIT
    assert "is not the file that the manifest describes" in err


def test_without_a_folder_the_databases_in_use_are_tried_out(command: Run, tmp_path: Path) -> None:
    code, _, err = command()
    assert (code, "No such file or directory" in err) == (Code.UNFIT, True)

    place = tmp_path / "bases" / "av"
    place.mkdir()
    shelf.switch(place, shelf.put(place, databases(place / ".new").folder).manifest.version)

    assert command()[0] == Code.FIT


def test_a_configuration_with_errors_is_told(tmp_path: Path) -> None:
    assert main(["-c", str(tmp_path / "nowhere.conf")]) == Code.BAD_CONFIG


def test_databases_that_would_block_what_was_delivered_are_unfit(
    command: Run, site: Site, tmp_path: Path
) -> None:
    asyncio.run(deliver(site, *[b"Subject: news\r\n\r\nour news of week %d\r\n" % week for week in range(5)]))
    greedy = databases(tmp_path / "greedy", a_rule('"our news"', threat="Worm.News"))
    careful = databases(tmp_path / "careful", a_rule('"week 3"', threat="Worm.Week"))

    code, out, err = command(str(greedy.folder))

    assert code == Code.UNFIT
    assert "5 of the last messages were looked at; 5 of them would be blocked newly" in out
    assert "5 of the last 5 messages, which were delivered, would be blocked" in err
    # A few may be what new databases are for.
    assert command(str(careful.folder))[0] == Code.FIT


def test_what_the_databases_in_use_block_as_well_is_no_fault(
    command: Run, site: Site, tmp_path: Path
) -> None:
    asyncio.run(deliver(site, *[b"Subject: news\r\n\r\nour news of week %d\r\n" % week for week in range(5)]))
    place = tmp_path / "bases" / "av"
    place.mkdir()
    rule = a_rule('"our news"', threat="Worm.News")
    shelf.switch(place, shelf.put(place, databases(place / ".old", rule).folder).manifest.version)

    code, out, _ = command(str(databases(tmp_path / "new", rule, made_at=MADE_AT + DAY).folder))

    assert (code, "0 of them would be blocked newly" in out) == (Code.FIT, True)


def test_as_many_messages_are_tried_as_the_configuration_says(
    command: Run, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(deliver(site, *[b"Subject: news\r\n\r\nour news\r\n"] * 5))

    for most in (3, 0):
        monkeypatch.setenv("SMTPGW_GATEWAY_UPDATES_TRIEDMESSAGES", str(most))
        assert f"{most} of the last messages were looked at" in command(str(SIGNATURES))[1]


def test_without_records_the_examples_alone_decide(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTPGW_GATEWAY_RECORDS_URL", "postgresql://nobody@127.0.0.1:1/none")

    code, out, _ = command(str(SIGNATURES))

    assert (code, "the last messages cannot be read" in out) == (Code.FIT, True)


def test_a_content_database_that_calls_good_messages_spam_is_unfit(tmp_path: Path) -> None:
    phrases = ("what", "is new", "in", "january")
    content_in_use(tmp_path / "as", *(f"3 pharmacy {phrase}" for phrase in phrases))

    faults = [*ContentTrial(open_set(tmp_path / "as" / "current")).faults()]

    assert any("(newsletter.eml)" in fault for fault in faults)


def test_a_content_database_has_to_know_the_spam_that_the_one_before_knew(
    command: Run, tmp_path: Path
) -> None:
    phrases = ("viagra", "and cialis", "without prescription", "80 % off")
    content_in_use(tmp_path / "bases" / "as", *(f"3 pharmacy {phrase}" for phrase in phrases))
    assert ContentTrial(open_set(tmp_path / "bases" / "as" / "current")).known() >= {"pharmacy.eml"}
    worse = content_in_use(
        tmp_path / "other" / "as", "1 pharmacy nothing of the kind", words="garden\t-0.1\n"
    )

    code, _, err = command(str(worse.folder))

    assert code == Code.UNFIT
    assert "pharmacy.eml is not found any more, and the databases in use find it" in err


async def deliver(site: Site, *messages: bytes) -> None:
    """Have messages in the outgoing archive, as the sender keeps them."""
    records = await open_sqlite(site.folder / "queue" / "records.sqlite")
    place = DirectoryPlace()
    storages = Storages(place, CarryingBlobs(MemoryBlobs()), records)
    archive = Storage(StorageKind.OUTGOING, str(site.folder / "archive"))
    for number, message in enumerate(messages):
        body = BodyRef(f"{'0' * 64}-{number}", len(message), carried=message)
        mail = a_mail(f"AbCdEfGh{number:05}", body=body)
        await storages.keep(archive, mail, StoredStatus.SENT, at=NOON + timedelta(seconds=number))
    await place.close()
    await records.close()
