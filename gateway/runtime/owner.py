"""The account that the gateway runs as: never root, and yet able to listen on port 25."""

from __future__ import annotations

import ctypes
import grp
import os
import pwd
from dataclasses import dataclass

from gateway.runtime.exitcodes import ExitCode, StartFailure


@dataclass(frozen=True, slots=True)
class Account:
    """Who a process runs as."""

    user: str
    uid: int
    gid: int


def account(user: str, group: str) -> Account:
    """The account by its name or number, in `group` or, when that is "", in its own.

    Raises `StartFailure` when there is none.
    """
    try:
        known = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except KeyError:
        raise _failed(f"there is no account {user}") from None
    if not group or group.isdecimal():
        return Account(known.pw_name, known.pw_uid, int(group) if group else known.pw_gid)
    try:
        return Account(known.pw_name, known.pw_uid, grp.getgrnam(group).gr_gid)
    except KeyError:
        raise _failed(f"there is no group {group}") from None


def become(wanted: Account) -> None:
    """Go on as that account, for good, with its groups and no right but to listen on low ports.

    Raises `StartFailure`. Nothing changes for who is that account already.
    """
    if (os.geteuid(), os.getegid()) == (wanted.uid, wanted.gid):
        return
    if os.geteuid() != 0:
        raise _failed(f"only root can become the account {wanted.user}")
    try:
        _keep_rights_over_the_change()
        os.initgroups(wanted.user, wanted.gid)
        os.setgid(wanted.gid)
        os.setuid(wanted.uid)
        _keep_only_low_ports()
    except OSError as problem:
        raise _failed(f"the change to the account {wanted.user} failed ({problem.strerror})") from problem


def _failed(why: str) -> StartFailure:
    return StartFailure(
        ExitCode.OWNER_NOT_CHANGED,
        f"{why}: name an account with User and Group of [smtpgw.options] or with -u, or keep the present one"
        " with -o",
    )


# From linux/prctl.h and linux/capability.h: Python has no names for them.
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION = 0x20080522
_CAP_NET_BIND_SERVICE = 10


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _keep_rights_over_the_change() -> None:
    _prctl(_PR_SET_KEEPCAPS, 1)


def _keep_only_low_ports() -> None:
    """Drop all rights that are left but one, and let it pass to the processes that we start.

    Where even root lacks that right, as in a container that dropped it, nothing is left to keep: a low
    port is then refused to the receiver, which says so.
    """
    bit = 1 << _CAP_NET_BIND_SERVICE
    try:
        _capset(bit)
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_NET_BIND_SERVICE)
    except PermissionError:
        _capset(0)


def _capset(bits: int) -> None:
    header = _Header(_CAPABILITY_VERSION, 0)
    sets = (_Sets * 2)(_Sets(bits, bits, bits), _Sets(0, 0, 0))
    _check(_libc().capset(ctypes.byref(header), sets))


def _prctl(*arguments: int) -> None:
    _check(_libc().prctl(*(ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0)[:5])))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
