"""`klmaila`: archives and quarantines in the hands of an operator (manual, chapter 6.6 and appendix A.16)."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path

import click

from cli import archives
from cli.listing import HEADING, line_of
from cli.operators import Code, Trouble, act_for_owner_of, banner, run, settings_of
from gateway.config.settings import Settings
from gateway.domain.storage import StorageEntry
from gateway.operations import storages as operations
from gateway.records.entries import EntryFilter
from gateway.runtime.clock import utc_now
from gateway.runtime.logs import one_line
from gateway.runtime.process import DEFAULT_CONFIG
from gateway.storages.storages import Storages
from gateway.version import VERSION

TITLE = "Mail Archives Manager"


@dataclass(frozen=True, slots=True)
class Archive:
    """The storage that was named: an archive, or a quarantine."""

    storages: Storages
    path: str

    async def entry(self, entry_id: str) -> StorageEntry:
        """One message. Raises `Trouble` when it is not there."""
        return await archives.entry_of(self.storages, self.path, entry_id)


Order = Callable[[Archive], Awaitable[None]]
"""What the operator wants, as something to do."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version", prog_name="klmaila", message="%(prog)s %(version)s")
@click.option(
    "--archivepath",
    "--archive-path",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The archive or quarantine, as the configuration names it.",
)
@click.option("-s", "--show-all", is_flag=True, help="List all messages.")
@click.option("-i", "--show-id", metavar="QUEUEID", help="Tell all about one message.")
@click.option("-r", "--remove-all", is_flag=True, help="Remove all messages.")
@click.option("-d", "--remove-id", metavar="QUEUEID", help="Remove one message.")
@click.option(
    "-a", "--send-all", is_flag=True, help="Send all that were not sent before, scanned and filtered again."
)
@click.option("-o", "--send-id", metavar="QUEUEID", help="Send one message, scanned and filtered again.")
@click.option("--send-id-without-check", metavar="QUEUEID", help="Send one message as it is.")
@click.option("--again", is_flag=True, help="Also send what was sent from here before.")
@click.option(
    "-c",
    "--config-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="Configuration file.",
)
def klmaila(
    *,
    path: Path,
    show_all: bool,
    show_id: str | None,
    remove_all: bool,
    remove_id: str | None,
    send_all: bool,
    send_id: str | None,
    send_id_without_check: str | None,
    again: bool,
    config_file: Path,
) -> None:
    """Manage an archive or a quarantine: list it, remove messages, send them to their recipients."""
    sending: dict[str, Order | None] = {
        "-a": send_all_there(again=again) if send_all else None,
        "-o": send(send_id, checked=True, again=again) if send_id is not None else None,
        "--send-id-without-check": send(send_id_without_check, checked=False, again=again)
        if send_id_without_check is not None
        else None,
    }
    orders: dict[str, Order | None] = {
        "-s": show_all_there if show_all else None,
        "-i": show(show_id) if show_id is not None else None,
        "-r": remove_all_there if remove_all else None,
        "-d": remove(remove_id) if remove_id is not None else None,
    } | sending
    given = {name: order for name, order in orders.items() if order}
    if len(given) != 1:
        raise click.UsageError(f"give one of {', '.join(orders)}" + ", not several" * (len(given) > 1))
    [(name, order)] = given.items()
    if again and name not in sending:
        raise click.UsageError(f"{name} sends nothing: leave out --again")

    print(banner(TITLE))
    settings = settings_of(config_file, {})
    act_for_owner_of(settings.smtpgw_path.queue_path)
    asyncio.run(_carry_out(order, settings, os.path.normpath(path.absolute())))


async def _carry_out(order: Order, settings: Settings, path: str) -> None:
    async with archives.opened(settings) as (_, storages):
        await archives.known(storages, settings, path)
        await order(Archive(storages, path))


async def show_all_there(archive: Archive) -> None:
    """List the storage, oldest first."""
    count = size = 0
    print(HEADING)
    async for entry in archive.storages.entries.walk(archive.path, EntryFilter()):
        print(_line(entry))
        count += 1
        size += entry.size
    print(f"Total: {count} archived messages, {size} bytes.")


async def remove_all_there(archive: Archive) -> None:
    """Remove all but what is about to be sent."""
    count = await operations.remove(archive.storages, archive.path, None)
    print(f"Total: {count} archived messages have been removed.")


def send_all_there(*, again: bool) -> Order:
    """Send all, scanned and filtered again."""

    async def order(archive: Archive) -> None:
        count = await operations.send(
            archive.storages.entries, archive.path, None, checked=True, again=again, now=utc_now()
        )
        print(f"Total: {count} archived messages will be sent asap.")

    return order


def show(entry_id: str) -> Order:
    """Tell all about one message."""

    async def order(archive: Archive) -> None:
        entry = await archive.entry(entry_id)
        print(HEADING)
        print(_line(entry))
        for name, fact in _facts(entry):
            print(f"{name}: {one_line(fact)}")

    return order


def remove(entry_id: str) -> Order:
    """Remove one message."""

    async def order(archive: Archive) -> None:
        entry = await archive.entry(entry_id)
        if not await operations.remove(archive.storages, archive.path, [entry.id]):
            raise Trouble(
                Code.NOT_PERFORMED,
                f"Message with QueueID {entry.id} is about to be sent: remove it afterwards.",
            )
        print(f"Message with QueueID {entry.id} has been removed.")

    return order


def send(entry_id: str, *, checked: bool, again: bool) -> Order:
    """Send one message."""

    async def order(archive: Archive) -> None:
        entry = await archive.entry(entry_id)
        # Who asks twice because the first answer got lost shall not send it twice.
        if entry.ordered_at is None and not await operations.send(
            archive.storages.entries, archive.path, [entry.id], checked=checked, again=again, now=utc_now()
        ):
            when = f", {format_datetime(entry.released_at)}" if entry.released_at else ""
            raise Trouble(
                Code.NOT_PERFORMED,
                f"Message with QueueID {entry.id} was sent before{when}: --again sends it once more.",
            )
        print(f"Message with QueueID {entry.id} will be sent asap.")

    return order


def _line(entry: StorageEntry) -> str:
    envelope = entry.mail.envelope
    return line_of(
        entry.id,
        entry.status,
        entry.size,
        envelope.received_at,
        envelope.client_ip,
        envelope.sender,
        (to.address for to in envelope.recipients),
    )


def _facts(entry: StorageEntry) -> Iterator[tuple[str, str]]:
    """What the line of a message does not say."""
    if entry.mail.group:
        yield "Group", entry.mail.group
    if entry.mail.message_id:
        yield "Message-ID", entry.mail.message_id
    yield "Stored", format_datetime(entry.stored_at)
    yield "File", entry.name
    if entry.released_at:
        yield "Sent", f"{format_datetime(entry.released_at)}, {entry.release} times in all"
    if entry.ordered_at:
        yield "To be sent since", format_datetime(entry.ordered_at)
    if entry.failure:
        yield "Could not be sent", entry.failure


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(klmaila, "klmaila", arguments)


if __name__ == "__main__":
    sys.exit(main())
