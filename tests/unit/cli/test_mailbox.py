from __future__ import annotations

import asyncio
import smtplib
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.mailbox import keep, mailbox, main
from gateway.domain.endpoint import HostPort
from tests.support.ports import free_port


def test_a_message_is_kept_as_it_came_below_its_envelope(tmp_path: Path) -> None:
    content = b"Subject: hello\r\n\r\n8-bit \xff, a lone dot:\r\n.\r\n"

    name = keep(tmp_path, "me@home.example", ["you@office.example", "all@office.example"], content)

    assert (tmp_path / name).read_bytes() == (
        b"Return-Path: <me@home.example>\r\n"
        b"Delivered-To: you@office.example\r\n"
        b"Delivered-To: all@office.example\r\n" + content
    )


def test_messages_of_one_moment_have_files_of_their_own(tmp_path: Path) -> None:
    names = {keep(tmp_path, "", [], b"") for _ in range(50)}

    assert len(names) == len(list(tmp_path.iterdir())) == 50


async def test_what_comes_by_smtp_is_kept_however_long_its_lines_are(tmp_path: Path) -> None:
    listen = HostPort("127.0.0.1", free_port())
    content = b"Subject: hello\r\n\r\n" + b"x" * 20_000 + b"\r\n"

    async with mailbox(listen, tmp_path / "box"):
        await asyncio.to_thread(deliver, listen, content)

    [kept] = (tmp_path / "box").iterdir()
    assert kept.read_bytes().endswith(content)


def deliver(address: HostPort, content: bytes) -> None:
    with smtplib.SMTP(*address, timeout=30) as server:
        server.sendmail("me@home.example", ["you@office.example"], content)


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"

        told = CliRunner().invoke(main, ["--listen", listen, str(tmp_path)])

    assert told.exit_code == 30
    assert f"the mailbox cannot take mail on {listen}" in told.stderr


@pytest.mark.parametrize("text", ["2525", "localhost", "127.0.0.1:0"])
def test_an_address_without_a_port_is_a_wrong_option(text: str, tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["--listen", text, str(tmp_path)])

    assert told.exit_code == 2
