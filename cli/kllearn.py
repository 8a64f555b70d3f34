"""`kllearn`: what the spam filter learns from an operator, and what it shall forget again."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path

import click

from cli import archives
from cli.operators import Code, Trouble, act_for_owner_of, banner, run, settings_of
from gateway.config.settings import Settings
from gateway.domain.lessons import MOST_CONTENT, Lesson, Told
from gateway.operations import lessons as operations
from gateway.operations.lessons import Teaching
from gateway.records.port import LessonRecords
from gateway.runtime.clock import utc_now
from gateway.runtime.logs import one_line
from gateway.runtime.process import DEFAULT_CONFIG
from gateway.storages.place import MissingFile
from gateway.storages.storages import Storages
from gateway.version import VERSION

TITLE = "Spam Filter Lessons Manager"

HEADING = "--LessonID-------------------------Told-State---ToldAt---------------------------By...Subject..."


@dataclass(frozen=True, slots=True)
class School:
    """What the command works with."""

    lessons: LessonRecords
    storages: Storages
    settings: Settings
    by: str
    dry_run: bool


Order = Callable[[School], Awaitable[None]]
"""What the operator wants, as something to do."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version", prog_name="kllearn", message="%(prog)s %(version)s")
@click.option("-s", "--show-all", is_flag=True, help="List all lessons, the newest first.")
@click.option("-u", "--undo", metavar="LESSONID", help="Take a lesson back.")
@click.option("--spam-id", metavar="QUEUEID", help="A message of the archive is spam.")
@click.option("--good-id", metavar="QUEUEID", help="A message of the archive is good.")
@click.option(
    "--archivepath",
    "--archive-path",
    "path",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The archive or quarantine that the message lies in, as the configuration names it.",
)
@click.option(
    "--spam-file", type=click.Path(dir_okay=False, path_type=Path), help="A message in a file is spam."
)
@click.option(
    "--good-file", type=click.Path(dir_okay=False, path_type=Path), help="A message in a file is good."
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option(
    "-c",
    "--config-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="Configuration file.",
)
def kllearn(
    *,
    show_all: bool,
    undo: str | None,
    spam_id: str | None,
    good_id: str | None,
    path: Path | None,
    spam_file: Path | None,
    good_file: Path | None,
    dry_run: bool,
    config_file: Path,
) -> None:
    """Teach the spam filter which messages are spam or good, list what it was taught, and take it back.

    Lessons are of this site; running filters know them within seconds.
    """
    of_entries = {
        "--spam-id": teach_entry(path, spam_id, Told.SPAM) if spam_id is not None else None,
        "--good-id": teach_entry(path, good_id, Told.GOOD) if good_id is not None else None,
    }
    orders: dict[str, Order | None] = {
        "-s": show_all_there if show_all else None,
        "-u": take_back(undo) if undo is not None else None,
        **of_entries,
        "--spam-file": teach_file(spam_file, Told.SPAM) if spam_file else None,
        "--good-file": teach_file(good_file, Told.GOOD) if good_file else None,
    }
    given = {name: order for name, order in orders.items() if order}
    if len(given) != 1:
        raise click.UsageError(f"give one of {', '.join(orders)}" + ", not several" * (len(given) > 1))
    [(name, order)] = given.items()
    if (path is not None) is not (name in of_entries):
        raise click.UsageError(
            f"{name} needs --archivepath" if name in of_entries else f"{name} needs no --archivepath"
        )

    print(banner(TITLE))
    settings = settings_of(config_file, {})
    by = getpass.getuser()
    act_for_owner_of(settings.smtpgw_path.queue_path)
    asyncio.run(_carry_out(order, settings, by, dry_run=dry_run))


async def _carry_out(order: Order, settings: Settings, by: str, *, dry_run: bool) -> None:
    async with _opened(settings, by, dry_run=dry_run) as school:
        await order(school)


@asynccontextmanager
async def _opened(settings: Settings, by: str, *, dry_run: bool) -> AsyncIterator[School]:
    async with archives.opened(settings) as (records, storages):
        yield School(records.lessons, storages, settings, by, dry_run)


async def show_all_there(school: School) -> None:
    """List all lessons, the newest first."""
    print(HEADING)
    count, after = 0, ""
    while True:
        page, following = await operations.list_lessons(
            school.lessons, most=operations.LARGEST_PAGE, after=after
        )
        for lesson in page:
            print(_line(lesson))
        count += len(page)
        if following is None:
            break
        after = following
    print(f"Total: {count} lessons.")


def take_back(lesson_id: str) -> Order:
    """Take a lesson back."""

    async def order(school: School) -> None:
        lesson = await school.lessons.find(lesson_id)
        if lesson is None:
            raise Trouble(Code.NOT_PERFORMED, f"There is no lesson {one_line(lesson_id)}.")
        if school.dry_run:
            print(f"Lesson {lesson.id} ({lesson.told}) would be taken back.")
            return
        await operations.undo(school.lessons, [lesson.id], utc_now())
        print(f"Lesson {lesson.id} ({lesson.told}) has been taken back.")

    return order


def teach_entry(path: Path | None, entry_id: str, told: Told) -> Order:
    """Teach what a message of an archive is."""
    place = os.path.normpath((path or Path()).absolute())

    async def order(school: School) -> None:
        await archives.known(school.storages, school.settings, place)
        entry = await archives.entry_of(school.storages, place, entry_id)
        try:
            teaching = await operations.prepare_entry(
                school.lessons, school.storages, entry, told, by=school.by, now=utc_now()
            )
        except MissingFile as problem:
            raise Trouble(Code.NOT_PERFORMED, str(problem)) from problem
        await _teach(school, teaching)

    return order


def teach_file(file: Path, told: Told) -> Order:
    """Teach what a message in a file is."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_CONTENT)
    except OSError as problem:
        raise click.UsageError(f"{file}: {problem.strerror}") from problem

    async def order(school: School) -> None:
        try:
            teaching = await operations.prepare(
                school.lessons, content, told, origin=str(file), by=school.by, now=utc_now()
            )
        except ValueError as problem:
            raise Trouble(Code.NOT_PERFORMED, f"{file}: {problem}") from problem
        await _teach(school, teaching)

    return order


async def _teach(school: School, teaching: Teaching) -> None:
    lesson = teaching.lesson
    if not teaching.changes:
        print(f"Lesson {lesson.id} says so already.")
        return
    if not school.dry_run:
        await operations.teach(school.lessons, teaching)
    would = "would be" if school.dry_run else "has been"
    print(f"Lesson {lesson.id}: {lesson.told}, {would} taught.")
    if teaching.before:
        print(f"It takes the place of what {one_line(teaching.before.told_by)} said: {teaching.before.told}.")
    if teaching.forgets:
        print(f"To make room, the oldest lesson {would} forgotten ({teaching.forgets}).")


def _line(lesson: Lesson) -> str:
    facts = f"{lesson.id} {lesson.told} {lesson.state} {format_datetime(lesson.told_at)}"
    told = f"{facts} {one_line(lesson.told_by)} {one_line(lesson.title) or '-'}"
    return f"{told} ({lesson.failure})" if lesson.failure else told


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(kllearn, "kllearn", arguments)


if __name__ == "__main__":
    sys.exit(main())
