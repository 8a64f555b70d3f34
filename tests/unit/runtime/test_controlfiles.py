from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.domain.errors import TemporaryFailure
from gateway.runtime.controlfiles import ControlFile, ControlFiles, why_ignored

ME = 1000
STATS = ".c_stats"


@dataclass
class Site:
    folder: Path
    obeyed: list[str] = field(default_factory=list)
    trouble: Exception | None = None

    def __post_init__(self) -> None:
        names = (STATS, ".c_recv_off")
        self.files = ControlFiles(self.folder, {name: self.command(name) for name in names})

    def command(self, name: str) -> Callable[[], Awaitable[None]]:
        async def obey() -> None:
            self.obeyed.append(name)
            if self.trouble:
                raise self.trouble

        return obey

    def make(self, name: str, content: bytes = b"") -> Path:
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        return path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "control").mkdir(mode=0o750)
    return Site(tmp_path / "control")


async def test_what_is_commanded_is_done_once_and_its_file_deleted(site: Site) -> None:
    site.make(STATS)
    site.make(".c_recv_off")

    await site.files.look()
    await site.files.look()

    assert site.obeyed == [".c_recv_off", STATS]
    assert list(site.folder.iterdir()) == []


async def test_without_the_directory_nothing_is_commanded(site: Site) -> None:
    site.folder.rmdir()

    await site.files.look()

    assert site.obeyed == []


@pytest.mark.parametrize("name", [".c_unknown", "notes.txt", ".c_stats ", ".c_stats\n[01-01-26 F]: forged"])
async def test_other_files_stay_and_are_told_of_once_on_one_line(
    site: Site, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = site.make(name)

    await site.files.look()
    await site.files.look()

    assert path.exists()
    assert site.obeyed == []
    (told,) = caplog.messages
    assert "is ignored: there is no such command" in told
    assert "\n" not in told


async def test_links_are_no_commands(site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    target = tmp_path / "elsewhere"
    target.touch()
    (site.folder / STATS).symlink_to(target)
    os.link(target, site.folder / ".c_recv_off")

    await site.files.look()

    assert site.obeyed == []
    assert target.exists()
    assert "it is no file" in caplog.text
    assert "it has other names" in caplog.text


async def test_a_directory_or_a_pipe_is_no_command(site: Site) -> None:
    (site.folder / STATS).mkdir()
    os.mkfifo(site.folder / ".c_recv_off")

    await site.files.look()

    assert site.obeyed == []


async def test_a_file_with_content_is_no_command(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.make(STATS, b"x")

    await site.files.look()

    assert site.obeyed == []
    assert "it is not empty" in caplog.text


def described(**differing: int) -> ControlFile:
    usual = {"mode": stat.S_IFREG | 0o644, "ino": 1, "dev": 1, "nlink": 1, "uid": ME, "gid": ME, "size": 0}
    return ControlFile(STATS, os.stat_result((*(usual | differing).values(), 0, 0, 0)))


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (described(), ""),
        (described(uid=0), ""),
        (described(uid=ME + 1), "it belongs to account 1001, neither to root nor to the gateway"),
        (described(mode=stat.S_IFREG | 0o666), "others can write to it"),
        (described(mode=stat.S_IFREG | 0o664), "others can write to it"),
    ],
)
def test_only_files_of_root_and_of_the_gateway_command(file: ControlFile, why: str) -> None:
    assert why_ignored(file, {STATS: None}, ME) == why


async def test_a_directory_that_everybody_may_write_to_commands_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.make(STATS)
    site.folder.chmod(0o777)

    await site.files.look()

    assert site.obeyed == []
    assert "control files are ignored" in caplog.text


async def test_what_cannot_be_done_now_is_tried_again(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    path = site.make(STATS)
    site.trouble = TemporaryFailure("the records are away")
    await site.files.look()
    await site.files.look()
    assert path.exists()
    site.trouble = None

    await site.files.look()

    assert site.obeyed == [STATS] * 3
    assert not path.exists()
    assert caplog.text.count("waits: the records are away") == 1


async def test_a_fault_of_ours_is_told_and_not_repeated(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.make(STATS)
    site.trouble = ValueError("a fault")

    await site.files.look()
    await site.files.look()

    assert site.obeyed == [STATS]
    assert "cannot be obeyed" in caplog.text


async def test_two_processes_do_not_do_the_same(site: Site) -> None:
    site.make(STATS)
    other = Site(site.folder)

    async def look_meanwhile() -> None:
        site.obeyed.append(STATS)
        await other.files.look()

    site.files = ControlFiles(site.folder, {STATS: look_meanwhile})
    await site.files.look()

    assert (site.obeyed, other.obeyed) == ([STATS], [])
