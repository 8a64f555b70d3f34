from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.endpoint import HostPort
from gateway.domain.journey import ScannedObject
from gateway.domain.policy import ObjectAction, ObjectStatus, SpamStatus
from services.scanner.statistics import lines_of, open_statistics
from tests.support.mails import NOON, a_mail
from tests.support.ports import free_port
from tests.support.waiting import until

CLEAN = ScannedObject("1", "", "text/plain", 12, ObjectStatus.CLEAN, ObjectAction.PASS)
INFECTED = ScannedObject(
    "2", "a.exe", "application/x", 68, ObjectStatus.INFECTED, ObjectAction.REMOVE, ("One", "Two")
)
MAIL = a_mail("AbCdEfGh12345", "a@site.example", "b@site.example")
TIME = int(NOON.timestamp())


def test_there_is_a_line_for_each_object_with_all_fields_in_their_places() -> None:
    assert lines_of(MAIL, (CLEAN, INFECTED), NOON).decode() == (
        f"{TIME}\t12\tsender@client.example\ta@site.example,b@site.example\tav/clean\t\t192.0.2.1"
        "\t<1@client.example>\n"
        f"{TIME}\t68\tsender@client.example\ta@site.example,b@site.example\tav/infected\tOne,Two\t192.0.2.1"
        "\t<1@client.example>\n"
    )


@pytest.mark.parametrize(
    ("spam", "statuses"),
    [
        (SpamStatus.SPAM, "as/spam,av/clean"),
        (SpamStatus.PROBABLE, "as/probable,av/clean"),
        (SpamStatus.NOT_DETECTED, "av/clean"),
    ],
)
def test_the_spam_status_stands_before_that_of_the_object(spam: SpamStatus, statuses: str) -> None:
    assert lines_of(replace(MAIL, spam=spam), (CLEAN,), NOON).decode().split("\t")[4] == statuses


def test_an_optional_field_may_be_empty_but_its_tab_stays() -> None:
    line = lines_of(replace(MAIL, message_id=""), (CLEAN,), NOON).decode()

    assert line.count("\t") == 7
    assert line.endswith("\t\n")


def test_what_strangers_wrote_ends_neither_field_nor_line() -> None:
    mail = replace(MAIL, message_id="<a\tb\nc\udc80>")

    line = lines_of(mail, (CLEAN,), NOON)

    assert (line.count(b"\t"), line.count(b"\n")) == (7, 1)


async def test_a_file_gets_the_lines_and_is_made_anew_when_it_was_moved(tmp_path: Path) -> None:
    file = tmp_path / "statistics"
    statistics = open_statistics(file)
    statistics.tell(MAIL, (CLEAN, INFECTED), NOON)
    file.rename(tmp_path / "old")
    statistics.tell(MAIL, (CLEAN,), NOON)
    await statistics.close()

    assert (tmp_path / "old").read_text().count("\n") == 2
    assert file.read_text().count("\n") == 1


async def test_a_file_that_cannot_be_written_loses_lines_and_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    statistics = open_statistics(tmp_path / "nowhere" / "statistics")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            statistics.tell(MAIL, (CLEAN,), NOON)

    assert len(caplog.records) == 1


async def test_a_server_gets_the_lines() -> None:
    got = bytearray()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(4096):
            got.extend(piece)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    statistics = open_statistics(HostPort("127.0.0.1", server.sockets[0].getsockname()[1]))
    async with server:
        statistics.tell(MAIL, (CLEAN,), NOON)
        statistics.tell(MAIL, (INFECTED,), NOON)
        await until(lambda: got.count(b"\n") == 2)
        await statistics.close()

    assert bytes(got) == lines_of(MAIL, (CLEAN, INFECTED), NOON)


async def test_a_server_that_is_away_loses_lines_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    statistics = open_statistics(HostPort("127.0.0.1", free_port()))
    with caplog.at_level(logging.WARNING):
        for _ in range(5000):
            statistics.tell(MAIL, (CLEAN,), NOON)
        await until(lambda: bool(caplog.records))
        await statistics.close()

    assert "statistics reach nobody there" in caplog.text


async def test_nobody_has_to_be_told() -> None:
    statistics = open_statistics(None)
    statistics.tell(MAIL, (CLEAN,), NOON)
    await statistics.close()
