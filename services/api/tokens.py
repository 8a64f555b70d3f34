"""The tokens that may use the API: a file with one line each, and the command that makes one.

    # name role sha256:hash
    console viewer sha256:9f86d081884c7d65...

The file holds hashes alone. A token has 256 random bits, so one round of SHA-256 hides it.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import logging
import re
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

LARGEST_FILE = 1 << 20

_LINE = re.compile(r"(?P<name>[A-Za-z0-9._@-]{1,64})\s+(?P<role>[a-z]+)\s+sha256:(?P<digest>[0-9a-f]{64})")
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")

_log = logging.getLogger(__name__)


class Role(StrEnum):
    """What a token is good for."""

    VIEWER = "viewer"  # reads, but for the content of mail, and changes nothing
    OPERATOR = "operator"  # also has mail in hand, in queue and storages, and suspends modules
    ADMINISTRATOR = "administrator"  # also changes configuration, licence and databases, and reads the audit

    def includes(self, other: Role) -> bool:
        """Whether who has this role may do all that the other may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a token, and the hash by which we know it."""

    name: str
    role: Role
    digest: str


class TokenFile:
    """The tokens of a file, which is read anew when it changes. Without a file nobody is known."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read_as: object = ""  # what the file looked like when it was read
        self._holders: tuple[Holder, ...] = ()
        self._refresh()

    def holder_of(self, token: str) -> Holder | None:
        """Who has this token. Takes the same time whichever line it is on, or on none."""
        self._refresh()
        digest = digest_of(token)
        found = None
        for holder in self._holders:
            if hmac.compare_digest(holder.digest, digest):
                found = holder
        return found

    def _refresh(self) -> None:
        look = self._look()
        if look != self._read_as:
            self._holders = tuple(self._read())
            self._read_as = look

    def _look(self) -> object:
        if self._path is None:
            return None
        try:
            seen = self._path.stat()
        except OSError as problem:
            return problem.errno
        return seen.st_ino, seen.st_size, seen.st_mtime_ns

    def _read(self) -> Iterator[Holder]:
        if self._path is None:
            _log.warning("API: every request is refused: no TokenFile in [gateway.api]")
            return
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(LARGEST_FILE)
        except OSError as problem:
            _log.error("API: every request is refused: token file %s: %s", self._path, problem.strerror)
            return
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            holder = parse_line(line)
            if holder is None:
                _log.error(
                    "API: %s, line %d is no token: expected `name role sha256:hash`", self._path, number
                )
            else:
                yield holder


def parse_line(line: str) -> Holder | None:
    """The holder that a line names, or None when it is no such line."""
    found = _LINE.fullmatch(line.strip())
    if found is None or found["role"] not in list(Role):
        return None
    return Holder(found["name"], Role(found["role"]), found["digest"])


def digest_of(token: str) -> str:
    """What the file keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def new_token() -> str:
    """A token that nobody can guess. `mw_` tells those who search for leaked secrets what it is."""
    return f"mw_{secrets.token_urlsafe(32)}"


def line_of(name: str, role: Role, token: str) -> str:
    """The line of the file for a token."""
    return f"{name} {role} sha256:{digest_of(token)}"


def main(arguments: list[str] | None = None) -> int:
    """Print a new token, this once, and the line for the file."""
    parser = argparse.ArgumentParser(prog="services.api.tokens", description="Make a token for the API.")
    parser.add_argument("name", type=_name, help="who will use it: letters, digits and . _ @ -")
    parser.add_argument("--role", type=Role, choices=list(Role), default=Role.VIEWER)
    chosen = parser.parse_args(arguments)

    token = new_token()
    print(f"Token, shown only now:   {token}")
    print(f"Line for the TokenFile:  {line_of(chosen.name, chosen.role, token)}")
    return 0


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("use at most 64 letters, digits and . _ @ -")
    return text


if __name__ == "__main__":
    sys.exit(main())
