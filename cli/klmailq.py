"""`klmailq`: the working queue in the hands of an operator (manual, chapter 6.7 and appendix A.15)."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import click

from cli.listing import HEADING, line_of
from cli.operators import Code, Trouble, act_for_owner_of, banner, run, settings_of
from gateway.bus.port import Inlet
from gateway.config.environment import variable_name
from gateway.config.settings import Settings
from gateway.domain.journey import Tried
from gateway.domain.pipeline import REMOVABLE, SENDABLE, Module, QueueState
from gateway.operations.journey import Journey, journey_of
from gateway.operations.queue import Wanted, all_queued, remove_mail, remove_mails, send_mail, send_mails
from gateway.records.port import PARKED, JourneyStep, MailRecord, Records
from gateway.runtime.clock import utc_now
from gateway.runtime.logs import one_line
from gateway.runtime.process import DEFAULT_CONFIG
from gateway.runtime.wiring import open_inlet, open_records
from gateway.version import VERSION

TITLE = "Mail Queue Manager"


@dataclass(frozen=True, slots=True)
class Reach:
    """What an order works with."""

    settings: Settings
    records: Records

    @asynccontextmanager
    async def inlet(self) -> AsyncIterator[Inlet]:
        """The bus, for as long as it is needed."""
        inlet = await open_inlet(self.settings)
        try:
            yield inlet
        finally:
            await inlet.close()


Order = Callable[[Reach], Awaitable[None]]
"""What the operator wants, as something to do."""


class Age(click.ParamType[timedelta]):
    """A span of time: `90` seconds, or `30m`, `12h`, `3d`."""

    name = "age"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The span of a text."""
        found = re.fullmatch(r"(\d{1,9})([smhd]?)", value)
        if found is None:
            self.fail(f"{value!r} is no age: write 90s, 30m, 12h or 3d", param, ctx)
        unit = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[found[2]]
        return timedelta(**{unit: int(found[1])})


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version", prog_name="klmailq", message="%(prog)s %(version)s")
@click.option("-s", "--show-all", is_flag=True, help="List the queue.")
@click.option("-i", "--show-id", metavar="QUEUEID", help="Tell all about one message.")
@click.option("-r", "--remove-all", is_flag=True, help="Remove all messages that are WFC, WFS or QUE.")
@click.option("-d", "--remove-id", metavar="QUEUEID", help="Remove one message.")
@click.option("-a", "--send-all", is_flag=True, help="Send all messages that are QUE ahead of their time.")
@click.option("-o", "--send-id", metavar="QUEUEID", help="Send one message ahead of its time.")
@click.option("--sender", "senders", multiple=True, metavar="MASK", help="Only from there; `<>` is nobody.")
@click.option("--recipient", "recipients", multiple=True, metavar="MASK", help="Only to there.")
@click.option("--destination", "destinations", multiple=True, metavar="MASK", help="Only to that domain.")
@click.option(
    "--status",
    "states",
    multiple=True,
    type=click.Choice([*QueueState, PARKED], case_sensitive=False),
    metavar="STATUS",
    help="Only of that status: WFC, CHK, WFS, SPL, QUE, SND or parked.",
)
@click.option("--older-than", type=Age(), help="Only what came longer ago: 90s, 30m, 12h, 3d.")
@click.option("--newer-than", type=Age(), help="Only what came since then.")
@click.option(
    "-c",
    "--config-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="Configuration file.",
)
@click.option("-q", "--queue-path", type=click.Path(path_type=Path), help="Queue, instead of QueuePath.")
def klmailq(
    *,
    show_all: bool,
    show_id: str | None,
    remove_all: bool,
    remove_id: str | None,
    send_all: bool,
    send_id: str | None,
    senders: Sequence[str],
    recipients: Sequence[str],
    destinations: Sequence[str],
    states: Sequence[str],
    older_than: timedelta | None,
    newer_than: timedelta | None,
    config_file: Path,
    queue_path: Path | None,
) -> None:
    """Manage the working queue: list it, remove messages, send them ahead of their time.

    What limits -s, -r and -a can be repeated and put together: a message must be of each kind that is named.
    """
    now = utc_now()
    wanted = Wanted(
        states=frozenset(states),
        senders=tuple("" if mask == "<>" else mask for mask in senders),
        recipients=tuple(recipients),
        destinations=tuple(destinations),
        since=now - newer_than if newer_than else None,
        until=now - older_than if older_than else None,
    )
    orders: dict[str, Order | None] = {
        "-s": show_all_of(wanted) if show_all else None,
        "-r": remove_all_of(wanted) if remove_all else None,
        "-a": send_all_of(wanted) if send_all else None,
        "-i": show(show_id) if show_id is not None else None,
        "-d": remove(remove_id) if remove_id is not None else None,
        "-o": send(send_id) if send_id is not None else None,
    }
    given = {name: order for name, order in orders.items() if order}
    if len(given) != 1:
        raise click.UsageError(f"give one of {', '.join(orders)}" + ", not several" * (len(given) > 1))
    [(name, order)] = given.items()
    if wanted != Wanted() and name not in ("-s", "-r", "-a"):
        raise click.UsageError(f"{name} names one message: leave out what limits -s, -r and -a")

    print(banner(TITLE))
    place = {variable_name("smtpgw.path", "QueuePath"): str(queue_path.absolute())} if queue_path else {}
    settings = settings_of(config_file, place)
    act_for_owner_of(settings.smtpgw_path.queue_path)
    asyncio.run(_carry_out(order, settings))


async def _carry_out(order: Order, settings: Settings) -> None:
    records = await open_records(settings)
    try:
        await order(Reach(settings, records))
    finally:
        await records.close()


def show_all_of(wanted: Wanted) -> Order:
    """List what is meant."""

    async def order(reach: Reach) -> None:
        # Parked mail has none of the manual's statuses: it is shown to whoever asks for it.
        walked = wanted if wanted.states else replace(wanted, states=frozenset((*QueueState, PARKED)))
        count = size = parked = 0
        print(HEADING)
        async for mail in all_queued(reach.records, walked):
            if mail.state == PARKED and not wanted.states:
                parked += 1
                continue
            print(_line(mail))
            count += 1
            size += mail.size
        print(f"Total: {count} queued messages, {size} bytes.")
        if parked:
            _remark(f"{parked} more messages are parked because of a fault: see --show-all --status=parked")

    return order


def remove_all_of(wanted: Wanted) -> Order:
    """Remove what is meant and can be removed."""

    async def order(reach: Reach) -> None:
        async with reach.inlet() as inlet:
            count = await remove_mails(inlet, reach.records, wanted)
        print(f"Total: {count} queued messages have been removed.")

    return order


def send_all_of(wanted: Wanted) -> Order:
    """Send what is meant and waits."""

    async def order(reach: Reach) -> None:
        async with reach.inlet() as inlet:
            count = await send_mails(inlet, reach.records, wanted, utc_now)
        print(f"Total: {count} queued messages will be sent asap.")
        await _remark_suspension(reach)

    return order


def show(mail_id: str) -> Order:
    """Tell all about one message of the queue."""

    async def order(reach: Reach) -> None:
        journey = await journey_of(reach.records, mail_id)
        if journey is None or not _is_queued(journey.mail):
            raise _not_done(mail_id, journey.mail if journey else None, "")
        print(HEADING)
        print(_line(journey.mail))
        for name, fact in _facts(journey):
            print(f"{name}: {one_line(fact)}")

    return order


def remove(mail_id: str) -> Order:
    """Remove one message."""

    async def order(reach: Reach) -> None:
        async with reach.inlet() as inlet:
            removed = await remove_mail(inlet, reach.records, mail_id)
        if not removed.done:
            raise _not_done(mail_id, removed.mail, f"only {_listed(REMOVABLE)} can be removed")
        print(f"Message with QueueID {mail_id} has been removed.")

    return order


def send(mail_id: str) -> Order:
    """Send one message ahead of its time."""

    async def order(reach: Reach) -> None:
        async with reach.inlet() as inlet:
            sent = await send_mail(inlet, reach.records, mail_id, utc_now())
        if not sent.done:
            raise _not_done(mail_id, sent.mail, f"only {_listed(SENDABLE)} can be sent early")
        print(f"Message with QueueID {mail_id} will be sent asap.")
        await _remark_suspension(reach)

    return order


def _line(mail: MailRecord) -> str:
    return line_of(
        mail.id, mail.state, mail.size, mail.received_at, mail.client_ip, mail.sender, mail.recipients
    )


def _facts(journey: Journey) -> Iterator[tuple[str, str]]:
    """What the line of a message does not say, and what each next hop said last."""
    mail = journey.mail
    if mail.source_id != mail.id:
        yield "Made from", mail.source_id
    if mail.group:
        yield "Group", mail.group
    if mail.message_id:
        yield "Message-ID", mail.message_id
    if mail.attempts:
        yield "Tries", str(mail.attempts)
    if mail.next_try_at:
        yield "Next try", format_datetime(mail.next_try_at)
    if mail.reason:
        yield "Reason", mail.reason
    for address, said in last_replies(journey.steps).items():
        yield f"<{one_line(address)}>", said


def last_replies(steps: Iterable[JourneyStep]) -> Mapping[str, str]:
    """What was said of each recipient at the last try for it."""
    replies: dict[str, str] = {}
    for step in steps:
        told = step.detail.get("replies", ()) if step.kind == Tried.__name__ else ()
        for reply in told if isinstance(told, Sequence) else ():
            words = (reply["answer"], reply["server"], reply["code"] or "", reply["enhanced"], reply["text"])
            replies[reply["address"]] = " ".join(str(word) for word in words if word)
    return replies


def _is_queued(mail: MailRecord) -> bool:
    return mail.state in list(QueueState) or mail.state == PARKED


def _not_done(mail_id: str, mail: MailRecord | None, rule: str) -> Trouble:
    if mail is None:
        why = "is not known"
    elif not _is_queued(mail):
        why = f"is not in the queue any more: {mail.state}, {format_datetime(mail.state_at)}"
    else:
        why = f"is {mail.state}: {rule}"
    return Trouble(Code.NOT_PERFORMED, f"Message with QueueID {one_line(mail_id)} {why}.")


def _listed(states: Iterable[QueueState]) -> str:
    return ", ".join(state for state in QueueState if state in states)


async def _remark_suspension(reach: Reach) -> None:
    if Module.SENDER in await reach.records.suspended():
        _remark("the sender is suspended, and sends nothing before it is resumed")


def _remark(text: str) -> None:
    print(f"klmailq: {text}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(klmailq, "klmailq", arguments)


if __name__ == "__main__":
    sys.exit(main())
