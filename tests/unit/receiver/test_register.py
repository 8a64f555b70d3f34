"""The register of sessions: what one process writes, all others of the machine count, until it ends."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.access import client_address
from gateway.domain.errors import ConfigError
from services.receiver import replies
from services.receiver.door import Door
from services.receiver.register import ROWS, SLOTS, Register
from tests.support.gateway import PROJECT
from tests.support.receiving import RULES

ONE, OTHER = client_address("192.0.2.1"), client_address("2001:db8::1")
LIMITS = replace(RULES.limits, sessions=3, sessions_per_ip=2)

_HOLDER = """
import sys
from pathlib import Path
from gateway.domain.access import client_address
from services.receiver.register import Register
register = Register.shared(Path(sys.argv[1]))
for address in sys.argv[2:]:
    register.enter(client_address(address))
print("inside", flush=True)
sys.stdin.read()
"""


@contextmanager
def process_with_sessions(folder: Path, *addresses: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has sessions of these clients, until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(folder), *addresses],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "inside\n"
        try:
            yield process
        finally:
            process.kill()


def door(register: Register) -> Door:
    return Door(LIMITS, lambda: False, register)


def test_a_limit_for_each_client_holds_over_all_processes(tmp_path: Path) -> None:
    here = door(Register.shared(tmp_path))
    with process_with_sessions(tmp_path, str(ONE)):
        answers = [here.enter(ONE), here.enter(ONE), here.enter(OTHER)]

        assert answers == [None, replies.TOO_MANY_FROM_YOU, None]


def test_a_limit_in_total_holds_over_all_processes(tmp_path: Path) -> None:
    here = door(Register.shared(tmp_path))
    with process_with_sessions(tmp_path, "192.0.2.7", "192.0.2.8"):
        answers = [here.enter(ONE), here.enter(OTHER)]

        assert answers == [None, replies.TOO_MANY_SESSIONS]


def test_the_sessions_of_a_killed_process_do_not_count(tmp_path: Path) -> None:
    here = door(Register.shared(tmp_path))
    with process_with_sessions(tmp_path, str(ONE), str(ONE), str(OTHER)) as process:
        refused = here.enter(ONE)
        process.kill()
        process.wait()

        assert refused is replies.TOO_MANY_SESSIONS
        assert [here.enter(ONE), here.enter(ONE)] == [None, None]


def test_the_place_of_a_killed_process_is_taken_by_the_next(tmp_path: Path) -> None:
    with process_with_sessions(tmp_path, str(ONE)) as process:
        process.kill()
        process.wait()

    register = Register.shared(tmp_path)

    assert register.total == 0


def test_one_register_knows_nothing_of_those_it_does_not_share_with() -> None:
    alone, other = Register.alone(), Register.alone()

    other.enter(ONE)

    assert (alone.total, alone.sessions_of(ONE)) == (0, 0)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["192.0.2.1", "192.0.2.2", "::", "::1", "2001:db8::1", "2001:db8::1:0"]),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_the_register_counts_what_happened(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("register")
    with ExitStack() as stack:
        registers = [Register.shared(folder) for _ in range(3)]
        for register in registers:
            stack.callback(register.close)
        inside: Counter[tuple[int, str]] = Counter()
        for process, address, comes in steps:
            if comes:
                registers[process].enter(client_address(address))
                inside[process, address] += 1
            elif inside[process, address]:
                registers[process].leave(client_address(address))
                inside[process, address] -= 1

        for register in registers:
            assert register.total == inside.total()
            for address in {address for _, address, _ in steps}:
                expected = sum(count for (_, name), count in inside.items() if name == address)
                assert register.sessions_of(client_address(address)) == expected


def test_there_is_room_for_all_sessions_that_can_be_configured_and_one_to_be_refused() -> None:
    register = Register.alone()

    for _ in range(SLOTS):
        register.enter(ONE)

    assert (register.total, register.sessions_of(ONE), register.ours) == (SLOTS, SLOTS, SLOTS)


def test_more_processes_than_there_is_room_for_are_told_so(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for _ in range(ROWS):
            stack.callback(Register.shared(tmp_path).close)

        with pytest.raises(ConfigError, match=f"{ROWS} receivers use it already"):
            Register.shared(tmp_path)


def test_a_folder_that_cannot_be_written_is_told_with_its_parameter(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"\[smtpgw.path\] QueuePath=.*cannot share a file here: No such file"
    ):
        Register.shared(tmp_path / "missing")


def test_tables_of_the_time_before_a_reboot_are_removed_and_those_of_other_machines_stay(
    tmp_path: Path,
) -> None:
    mine = Register.shared(tmp_path)
    (table,) = tmp_path.iterdir()
    former, foreign = tmp_path / "receivers-former", tmp_path / "receivers-foreign"
    former.touch()
    foreign.touch()
    with foreign.open("r+b") as held:
        lock_a_row(held.fileno())

        Register.shared(tmp_path)

        assert {path.name for path in tmp_path.iterdir()} == {table.name, foreign.name}
    mine.close()


def lock_a_row(file: int) -> None:
    """As a receiver of another machine does on a folder that both have."""
    import fcntl
    import struct

    fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 8, 0))
