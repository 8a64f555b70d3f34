"""A mailbox for development: an SMTP server that keeps each message it is given in a file of its own."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway.domain.endpoint import HostPort, parse_host_port
from gateway.runtime.exitcodes import ExitCode


class Address(click.ParamType[HostPort]):
    """An option that is `host:port`."""

    name = "host:port"

    def convert(
        self, value: str | HostPort, param: click.Parameter | None, ctx: click.Context | None
    ) -> HostPort:
        """The address; a text that is none is told as a wrong option."""
        if isinstance(value, HostPort):
            return value
        try:
            return parse_host_port(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


class _Server(SMTP):
    # What the gateway hands on is kept as it is, however long its lines are.
    line_length_limit = 2**26


class _Keeper:
    """Answers the server's questions about a message."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the message: the name of the method is the library's."""
        recipients = [str(address) for address in envelope.rcpt_tos]
        content = envelope.original_content or b""
        name = await asyncio.to_thread(keep, self._directory, envelope.mail_from or "", recipients, content)
        return f"250 2.0.0 kept as {name}"


def keep(directory: Path, sender: str, recipients: Sequence[str], content: bytes) -> str:
    """Write a message as the last server does (RFC 5321 §4.4), whole or not at all; the name of its file."""
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(2)}.eml"
    head = [f"Return-Path: <{sender}>", *(f"Delivered-To: {address}" for address in recipients)]
    unfinished = directory / f".{name}"
    unfinished.write_bytes("".join(f"{line}\r\n" for line in head).encode() + content)
    os.rename(unfinished, directory / name)
    return name


@click.command()
@click.option("--listen", type=Address(), required=True, help="Where mail comes in.")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def main(listen: HostPort, directory: Path) -> None:
    """Keep each message in a file of DIRECTORY, until TERM or Ctrl-C."""
    try:
        asyncio.run(_run(listen, directory))
    except OSError as problem:
        print(f"the mailbox cannot take mail on {listen} into {directory}: {problem}", file=sys.stderr)
        sys.exit(ExitCode.SYSTEM_ERROR)


async def _run(listen: HostPort, directory: Path) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with mailbox(listen, directory):
        await ended.wait()


@asynccontextmanager
async def mailbox(listen: HostPort, directory: Path) -> AsyncIterator[None]:
    """Take mail on `listen` into `directory`. Raises `OSError` when the port is taken."""
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Server(_Keeper(directory), enable_SMTPUTF8=True, data_size_limit=None, loop=loop),
        listen.host,
        listen.port,
    )
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


if __name__ == "__main__":
    main()
