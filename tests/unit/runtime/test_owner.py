from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.runtime.exitcodes import ExitCode, StartFailure
from gateway.runtime.owner import Account, account, become


def test_an_account_has_its_own_group_unless_another_is_named() -> None:
    root = pwd.getpwuid(0)

    assert account(root.pw_name, "") == Account(root.pw_name, 0, root.pw_gid)


def test_an_account_and_a_group_can_be_given_by_number() -> None:
    assert account("0", "100") == Account(pwd.getpwuid(0).pw_name, 0, 100)


@pytest.mark.parametrize(("user", "group"), [("no-such-account", ""), ("root", "no-such-group")])
def test_an_account_that_is_not_there_is_named(user: str, group: str) -> None:
    with pytest.raises(StartFailure, match="no-such-") as failure:
        account(user, group)

    assert failure.value.code is ExitCode.OWNER_NOT_CHANGED


def test_who_is_that_account_already_stays_as_it_is() -> None:
    before = (os.geteuid(), os.getegid(), os.getgroups())

    become(Account("me", os.geteuid(), os.getegid()))

    assert (os.geteuid(), os.getegid(), os.getgroups()) == before


BECOMES = """
import os
from gateway.runtime.owner import account, become
become(account("nobody", ""))
print(os.getresuid(), flush=True)
os.execv("/bin/grep", ["grep", "-E", "^Cap(Prm|Eff|Amb)", "/proc/self/status"])
"""
LOW_PORTS_ONLY = f"{1 << 10:016x}"  # CAP_NET_BIND_SERVICE


def test_only_root_can_become_another_account_and_keeps_but_the_right_to_low_ports() -> None:
    """Who runs this is root or not: both have their rule."""
    nobody = pwd.getpwnam("nobody").pw_uid

    done = subprocess.run(
        (sys.executable, "-c", BECOMES),
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    if os.geteuid() == 0:
        first, *rights = done.stdout.splitlines()
        assert first == str((nobody, nobody, nobody))
        assert {line.split()[1] for line in rights} == {LOW_PORTS_ONLY}
    else:
        assert "only root can become the account nobody" in done.stderr
