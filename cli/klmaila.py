"""`klmaila`: archives and quarantines in the hands of an administrator (manual, chapter 6.6)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path

import click

from cli import administration
from cli.administration import Code, Refused
from gateway.config.settings import Settings
from gateway.domain.storage import StorageEntry
from gateway.operations import storages as operations
from gateway.records.entries import EntryFilter
from gateway.runtime.clock import utc_now
from gateway.runtime.logs import one_line
from gateway.runtime.wiring import open_blobs, open_records
from gateway.storages.storages import Storages

TITLE = "archives manager"

HEADING = "--QueueID--Status-Size-------ArrivalTime---------------Sender.../Recipient..."


@dataclass(frozen=True, slots=True)
class Action:
    """The one thing that is to be done."""

    option: str
    entry_id: str = ""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@administration.version_option(TITLE)
@click.option(
    "--archivepath",
    "--archive-path",
    "storage",
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
    "-a", "--send-all", is_flag=True, help="Send all that were not sent yet, scanned and filtered again."
)
@click.option("-o", "--send-id", metavar="QUEUEID", help="Send one message, scanned and filtered again.")
@click.option("--send-id-without-check", metavar="QUEUEID", help="Send one message as it is.")
@click.option("--again", is_flag=True, help="Also send what was sent from here before.")
@administration.config_option
def klmaila(
    *,
    storage: Path,
    show_all: bool,
    show_id: str | None,
    remove_all: bool,
    remove_id: str | None,
    send_all: bool,
    send_id: str | None,
    send_id_without_check: str | None,
    again: bool,
    config_file: Path,
) -> Code:
    """Look after an archive or a quarantine."""
    action = _the_one_of(
        {
            "--show-all": show_all,
            "--show-id": show_id,
            "--remove-all": remove_all,
            "--remove-id": remove_id,
            "--send-all": send_all,
            "--send-id": send_id,
            "--send-id-without-check": send_id_without_check,
        }
    )
    if again and not action.option.startswith("--send"):
        raise click.UsageError("--again goes with one of the options that send")
    path = os.path.normpath(storage.absolute())
    return administration.finish(
        _perform(administration.settings_of_the_gateway(config_file), path, action, again=again)
    )


def _the_one_of(given: dict[str, bool | str | None]) -> Action:
    chosen = [(option, value) for option, value in given.items() if value not in (None, False)]
    if len(chosen) != 1:
        raise click.UsageError(f"exactly one of these is needed: {', '.join(given)}")
    [(option, value)] = chosen
    return Action(option, value if isinstance(value, str) else "")


async def _perform(settings: Settings, path: str, action: Action, *, again: bool) -> Code:
    async with _opened(settings) as storages:
        await _be_a_storage(settings, storages, path)
        archive = _Archive(storages, path)
        match action.option:
            case "--show-all":
                return await archive.show_all()
            case "--show-id":
                return await archive.show(action.entry_id)
            case "--remove-all":
                return await archive.remove_all()
            case "--remove-id":
                return await archive.remove(action.entry_id)
            case "--send-all":
                return await archive.send_all(again=again)
            case option:
                checked = option == "--send-id"
                return await archive.send(action.entry_id, checked=checked, again=again)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Storages]:
    records = await open_records(settings)
    try:
        blobs, place = await open_blobs(settings)
        try:
            yield Storages(place, blobs, records)
        finally:
            await place.close()
            await blobs.close()
    finally:
        await records.close()


async def _be_a_storage(settings: Settings, storages: Storages, path: str) -> None:
    """Raises `Refused` when nothing is kept under that path, nor was before the configuration changed."""
    named = [storage.path for storage in operations.storages_of(settings)]
    if path not in named and path not in await storages.entries.storages():
        raise Refused(
            Code.UNREADABLE, f"{path} is no archive or quarantine: the configuration names {', '.join(named)}"
        )


@dataclass(frozen=True, slots=True)
class _Archive:
    """The storage that was named."""

    storages: Storages
    path: str

    async def show_all(self) -> Code:
        print(HEADING)
        count = size = 0
        async for entry in self.storages.entries.walk(self.path, EntryFilter()):
            print(record_line(entry))
            count, size = count + 1, size + entry.size
        print(f"Total: {count} archived messages, {size} bytes.")
        return Code.DONE

    async def show(self, entry_id: str) -> Code:
        entry = await self._entry(entry_id)
        print(HEADING)
        print(record_line(entry))
        for line in details(entry):
            print(line)
        return Code.DONE

    async def remove_all(self) -> Code:
        removed = await operations.remove(self.storages, self.path, None)
        print(f"Total: {removed} archived messages have been removed.")
        return Code.DONE

    async def remove(self, entry_id: str) -> Code:
        entry = await self._entry(entry_id)
        if not await operations.remove(self.storages, self.path, [entry.id]):
            raise Refused(Code.NOT_DONE, f"{entry.id} is about to be sent: remove it afterwards")
        print(f"Message with QueueID {entry.id} has been removed.")
        return Code.DONE

    async def send_all(self, *, again: bool) -> Code:
        sent = await operations.send(
            self.storages.entries, self.path, None, checked=True, again=again, now=utc_now()
        )
        print(f"Total: {sent} archived messages will be sent asap.")
        return Code.DONE

    async def send(self, entry_id: str, *, checked: bool, again: bool) -> Code:
        entry = await self._entry(entry_id)
        # Who asks twice because the first answer got lost shall not send it twice.
        if entry.ordered_at is None and not await operations.send(
            self.storages.entries, self.path, [entry.id], checked=checked, again=again, now=utc_now()
        ):
            when = f" on {format_datetime(entry.released_at)}" if entry.released_at else ""
            raise Refused(Code.NOT_DONE, f"{entry.id} was sent before{when}: --again sends it once more")
        print(f"Message with QueueID {entry.id} will be sent asap.")
        return Code.DONE

    async def _entry(self, entry_id: str) -> StorageEntry:
        entry = await self.storages.entries.find(self.path, entry_id)
        if entry is None:
            raise Refused(Code.NOT_DONE, f"there is no message with QueueID {entry_id} in {self.path}")
        return entry


def record_line(entry: StorageEntry) -> str:
    """One message of a listing: `ID STATUS SIZE DATE IP <SENDER> -> <RECIPIENT>`."""
    envelope = entry.mail.envelope
    recipients = ", ".join(f"<{to.address}>" for to in envelope.recipients)
    return one_line(
        f"{entry.id} {entry.status} {entry.size} {format_datetime(envelope.received_at)}"
        f" {envelope.client_ip or '-'} <{envelope.sender}> -> {recipients}"
    )


def details(entry: StorageEntry) -> Iterator[str]:
    """What a listing does not show."""
    yield f"Message-ID: {one_line(entry.mail.message_id) or 'none'}"
    yield f"Group: {one_line(entry.mail.group) or 'policy'}"
    yield f"Stored: {format_datetime(entry.stored_at)}"
    yield f"File: {entry.name}"
    if entry.released_at:
        yield f"Sent: {format_datetime(entry.released_at)}, {entry.release} times in all"
    if entry.ordered_at:
        yield f"To be sent: since {format_datetime(entry.ordered_at)}"
    if entry.failure:
        yield f"Not sent: {one_line(entry.failure)}"


def main() -> None:
    """Run the command."""
    administration.run(klmaila, "klmaila", TITLE)


if __name__ == "__main__":
    main()
