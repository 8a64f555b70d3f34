"""The tokens that may use the API: a file with a line for each, and the command that makes and revokes them.

    # name role sha256:hash
    console viewer sha256:9f86d081884c7d65...

The file holds hashes alone. A token has 256 random bits, so one round of SHA-256 hides it.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import logging
import os
import re
import secrets
import sys
from collections.abc import Iterator, Sequence
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
    """Make a token, or list or revoke those of a file; the exit code."""
    parser = argparse.ArgumentParser(prog="services.api.tokens", description="The tokens of the API.")
    parser.add_argument(
        "name", type=_name, nargs="?", help="who will use a new token: letters, digits and . _ @ -"
    )
    parser.add_argument("--role", type=Role, choices=list(Role), default=Role.VIEWER)
    parser.add_argument("--file", type=Path, metavar="TOKENFILE", help="write the line of a new token there")
    parser.add_argument("--list", action="store_true", help="list the tokens of the file, without hashes")
    parser.add_argument(
        "--revoke", type=_name, metavar="NAME", help="take all tokens of NAME out of the file"
    )
    chosen = parser.parse_args(arguments)
    wanted = [bool(chosen.name), chosen.list, bool(chosen.revoke)]
    if sum(wanted) != 1 or (not chosen.name and chosen.file is None):
        parser.error("give a name, or --list or --revoke NAME with --file")

    try:
        if chosen.list:
            for holder in filter(None, map(parse_line, _lines(chosen.file))):
                print(f"{holder.name} {holder.role}")
            return 0
        if chosen.revoke:
            return _revoke(chosen.file, chosen.revoke)
        token = new_token()
        line = line_of(chosen.name, chosen.role, token)
        if chosen.file:
            _write(chosen.file, [*_lines(chosen.file), line])
    except OSError as problem:
        print(f"{chosen.file}: {problem.strerror}", file=sys.stderr)
        return 1
    print(f"Token, shown only now:   {token}")
    print(f"Line {'in' if chosen.file else 'for'} the TokenFile:  {line}")
    return 0


def _revoke(path: Path, name: str) -> int:
    lines = _lines(path)
    kept = [line for line in lines if (holder := parse_line(line)) is None or holder.name != name]
    if len(kept) == len(lines):
        print(f"{path}: there is no token of {name}", file=sys.stderr)
        return 1
    _write(path, kept)
    print(f"{len(lines) - len(kept)} taken out: what uses them is refused from now on.")
    return 0


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()


def _write(path: Path, lines: Sequence[str]) -> None:
    """Replace the file as a whole, with its owner and rights; a new one is for its owner alone."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        if path.exists():
            like = path.stat()
            os.fchmod(descriptor, like.st_mode & 0o777)
            os.fchown(descriptor, like.st_uid, like.st_gid)
        file.writelines(f"{line}\n" for line in lines)
    unfinished.rename(path)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("use at most 64 letters, digits and . _ @ -")
    return text


if __name__ == "__main__":
    sys.exit(main())
