"""`make demo`: sends a few telling messages through the gateway and shows what became of each."""

from __future__ import annotations

import asyncio
import os
import smtplib
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import formatdate, make_msgid
from pathlib import Path

import click

from cli.develop import Place, prepare
from cli.mailbox import Address
from gateway.domain.endpoint import HostPort
from gateway.domain.journey import Ending, Scanned
from gateway.domain.policy import ObjectAction, ObjectStatus
from gateway.operations.journey import find_messages
from gateway.records.history import Sought
from gateway.records.port import JourneyStep, Records
from gateway.records.sqlite import open_sqlite
from gateway.runtime.exitcodes import ExitCode
from gateway.runtime.shapes import with_our_code

PATIENCE = 60.0
"""Seconds for the gateway to start, and for the messages to come to their ends."""

SENDER = "me@home.example"
STAFF = "you@office.example"
STRICT = "boss@strict.example"
LENIENT = "lab@lenient.example"

_WIDTHS = (32, 20, 58)
_HEADINGS = ("Message", "To", "What became of it")

_DONE = {
    ObjectAction.CURE: "was cured",
    ObjectAction.PASS: "stayed",
    ObjectAction.REMOVE: "was removed",
    ObjectAction.PLACEHOLDER: "was replaced by a text",
}

# In pieces: no scanner on the way of this file shall take it for the test file.
_EICAR = "".join(("X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!", "$H+H*"))


@dataclass(frozen=True, slots=True)
class Sample:
    """A message to send, and what it is meant to show."""

    shows: str
    subject: str
    attached: str = ""  # the text of a file that goes with it
    recipients: tuple[str, ...] = (STAFF,)


SAMPLES = (
    Sample("an ordinary message", "Lunch on Friday?"),
    Sample("spam (test phrase)", "Offer: spam is bad do not send it"),
    Sample("probable spam (test phrase)", "News and special events May"),
    Sample("a robot's reply", "Out of Office AutoReply: back on Monday"),
    Sample("foul language", "This printer is bullshit"),
    Sample("an infected attachment", "The invoice", attached=_EICAR),
    Sample("an attachment that can be cured", "The report", attached=f"CURE-{_EICAR}"),
    Sample("a suspicious attachment", "The photos", attached=f"SUSP-{_EICAR}"),
    Sample(
        "one infected spam message to two groups",
        "Prize: spam is bad do not send it",
        _EICAR,
        (STRICT, LENIENT),
    ),
)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one copy of a message."""

    recipients: tuple[str, ...]
    ending: str  # an Ending, or the state that it is still in
    reason: str
    objects: tuple[str, ...]  # what the scanner said of those that are not clean


@click.command()
@click.option(
    "--home", type=click.Path(file_okay=False, path_type=Path), default=Path("var"), show_default=True
)
@click.option("--smtp", type=Address(), default=HostPort("127.0.0.1", 2525), help="Where mail comes in.")
def demo(home: Path, smtp: HostPort) -> None:
    """Send the samples through the gateway of `make run`, which is started if it is not up."""
    place = Place(home.absolute(), smtp, HostPort("127.0.0.1", 2526), HostPort("127.0.0.1", 8025))
    with _gateway(place) as up:
        if not up:
            print(f"the gateway did not start: see {place.home / 'demo.log'}", file=sys.stderr)
            sys.exit(ExitCode.SYSTEM_ERROR)
        try:
            sent = [(sample, send(sample, place.smtp)) for sample in SAMPLES]
        except (OSError, smtplib.SMTPException) as problem:
            print(f"the gateway on {place.smtp} did not take a message: {problem}", file=sys.stderr)
            sys.exit(ExitCode.SYSTEM_ERROR)
        _, first = sent[0]
        with told_by_records(place.records) as told:
            if not _wait_for(lambda: bool(told(first))):
                print(
                    f"the gateway on {place.smtp} keeps no records in {place.home}: name its"
                    " directory with --home",
                    file=sys.stderr,
                )
                sys.exit(ExitCode.SYSTEM_ERROR)
            rows = [row for sample, message_id in sent for row in _rows(place, told, sample, message_id)]
    print("\n".join(table(rows)))


@contextmanager
def _gateway(place: Place) -> Iterator[bool]:
    """Whether a gateway takes mail: the one that is up, or one that ends with the demonstration."""
    if _greets(place.smtp):
        yield True
        return
    prepare(place)
    print("Starting a gateway for the demonstration ...", flush=True)
    arguments = ("--home", place.home, "--smtp", place.smtp)
    with (place.home / "demo.log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program, with addresses and paths as arguments
            (sys.executable, "-P", "-m", "cli.develop", *map(str, arguments)),
            env=with_our_code(os.environ),
            stdout=log,
            stderr=log,
        )
        try:
            yield _wait_for(lambda: _greets(place.smtp), unless=lambda: process.poll() is not None)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _greets(address: HostPort) -> bool:
    with suppress(OSError), socket.create_connection(address, timeout=5) as peer:
        return peer.recv(64).startswith(b"220")
    return False


def send(sample: Sample, address: HostPort) -> str:
    """Send one message; its Message-ID."""
    message = EmailMessage()
    message["Message-ID"] = make_msgid(domain=SENDER.partition("@")[2])
    message["Date"] = formatdate()
    message["From"] = SENDER
    message["To"] = ", ".join(sample.recipients)
    message["Subject"] = sample.subject
    message.set_content(f"This message shows {sample.shows}.\n")
    if sample.attached:
        message.add_attachment(sample.attached.encode(), "application", "octet-stream", filename="file.com")
    with smtplib.SMTP(*address, timeout=PATIENCE) as server:
        server.sendmail(SENDER, sample.recipients, message.as_bytes())
    return str(message["Message-ID"])


def _rows(place: Place, told: Told, sample: Sample, message_id: str) -> Iterator[tuple[str, str, str]]:
    _wait_for(lambda: _is_over(told(message_id), sample))
    shows = sample.shows
    for fate in told(message_id):
        yield shows, ", ".join(fate.recipients), outcome(fate, received(place.messages, message_id, fate))
        shows = ""


def _is_over(fates: Sequence[Fate], sample: Sample) -> bool:
    reached = {recipient for fate in fates for recipient in fate.recipients if fate.ending in list(Ending)}
    return reached == set(sample.recipients)


def _wait_for(holds: Callable[[], bool], unless: Callable[[], bool] = lambda: False) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not (met := holds()) and not unless() and time.monotonic() < deadline:
        time.sleep(0.1)
    return met


Told = Callable[[str], list[Fate]]
"""What the records say of all copies of the message with that Message-ID."""


@contextmanager
def told_by_records(database: Path) -> Iterator[Told]:
    """Who tells what became of messages; of all nothing when there are no records."""
    if not database.exists():
        yield lambda message_id: []
        return
    with asyncio.Runner() as runner:
        records = runner.run(open_sqlite(database))
        try:
            yield lambda message_id: runner.run(fates(records, message_id))
        finally:
            runner.run(records.close())


async def fates(records: Records, message_id: str) -> list[Fate]:
    """What the records say of all copies of a message."""
    copies = (await find_messages(records, Sought(message_id=message_id))).mails
    return [
        Fate(
            copy.recipients,
            copy.state,
            copy.reason,
            tuple(_objects(await records.journey(copy.id))),
        )
        for copy in sorted(copies, key=lambda copy: (copy.group, copy.id), reverse=True)
    ]


def _objects(steps: Sequence[JourneyStep]) -> Iterator[str]:
    for step in steps:
        found = step.detail.get("objects", ()) if step.kind == Scanned.__name__ else ()
        for one in found if isinstance(found, Sequence) else ():
            if one["status"] not in (ObjectStatus.CLEAN, ObjectStatus.NOT_CHECKED):
                threats, done = ", ".join(one["threats"]), _DONE[one["action"]]
                yield f"{one['name']} was {one['status']} ({threats}) and {done}"


def received(messages: Path, message_id: str, fate: Fate) -> Message | None:
    """The message as it lies in the mailbox, if it came there."""
    for file in sorted(messages.glob("*.eml"), reverse=True):
        message = message_from_bytes(file.read_bytes())
        came_for = set(message.get_all("Delivered-To", ()))
        if message["Message-ID"] == message_id and came_for & set(fate.recipients):
            return message
    return None


def outcome(fate: Fate, message: Message | None) -> str:
    """In one sentence, what became of a copy."""
    parts = [f"{fate.ending} ({fate.reason})" if fate.reason else fate.ending]
    if message is not None:
        parts[0] += f" as “{make_header(decode_header(message['Subject'] or ''))}”"
        if keywords := message["Keywords"]:
            parts.append(f"Keywords: {keywords}")
    return "; ".join((*parts, *fate.objects))


def table(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """The lines of a table: long cells go on below themselves."""
    rule = "  ".join("-" * width for width in _WIDTHS)
    yield from ("", *_lines(_HEADINGS), rule)
    for row in rows:
        yield from _lines(row)
    yield ""


def _lines(cells: Sequence[str]) -> Iterator[str]:
    wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, _WIDTHS, strict=True)]
    for number in range(max(map(len, wrapped))):
        shown = (column[number] if number < len(column) else "" for column in wrapped)
        padded = (text.ljust(width) for text, width in zip(shown, _WIDTHS, strict=True))
        yield "  ".join(padded).rstrip()


if __name__ == "__main__":
    demo()
