"""The configuration file in the hands of somebody far away: shown without secrets, replaced as a whole.

A draft is checked as `smtpgw -k` checks a file. It can name no file that the configuration in force does not
name: what is wrong in a file is told by its lines, and nobody shall read other files of this machine so.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from gateway.config.findings import Finding, Findings, InvalidConfig, Place
from gateway.config.load import examine, read_text
from gateway.config.syntax import Read

MASK = "********"
"""Stands for a secret. In a draft it is the one that stands there now."""

MOST_VERSIONS = 50
"""Former configurations that are kept."""

_SECRET = re.compile(
    r"(?<=://)([^/\s:@]*:)[^/\s]+(?=@)|([?&](?:password|sslpassword)=)[^&\s]+", re.IGNORECASE
)
_VERSION = re.compile(r"(\d{8}T\d{6}\d{6}Z)-([0-9a-f]{12})")
_STAMP = "%Y%m%dT%H%M%S%fZ"


class NotOurs(Exception):
    """The file cannot be replaced here; says who can."""


class ChangedMeanwhile(Exception):
    """The file is not the one that the draft was made from."""


@dataclass(frozen=True, slots=True)
class Version:
    """A former configuration."""

    id: str
    replaced_at: datetime


class ConfigFile:
    """One file, and what it was before."""

    def __init__(self, path: Path, history: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self._history = history
        self._environ = environ

    def text(self) -> str:
        """The file, without secrets. Raises `OSError` or `UnicodeDecodeError`."""
        return masked(read_text(self.path))

    def digest(self) -> str:
        """What tells this content from any other."""
        return _digest(read_text(self.path))

    def findings(self) -> Findings:
        """What is to be said of the file as it is now."""
        return examine(self.path, self._environ).findings

    def examined(self, draft: str) -> Findings:
        """What would be said of the file if it were like that."""
        return self._examined(draft)[1]

    def replace(self, draft: str, now: datetime, *, base: str = "") -> Findings:
        """Put a draft in the place of the file, in one step; what it was is kept. What is to be said of it.

        `base` is the digest of what the draft was made from, if that matters. Raises `InvalidConfig`,
        `ChangedMeanwhile` and `NotOurs`, after which nothing has changed.
        """
        former = read_text(self.path)
        if base and base != _digest(former):
            raise ChangedMeanwhile("the configuration was changed meanwhile: read it again")
        text, findings = self._examined(draft)
        if findings.errors:
            raise InvalidConfig(findings)
        try:
            self._keep(former, now)
            _write(self.path, text, self.path.stat())
        except OSError as problem:
            raise NotOurs(f"{self.path} cannot be replaced ({problem.strerror})") from problem
        return findings

    def versions(self) -> tuple[Version, ...]:
        """What the file was, newest first."""
        found = (_version(file.stem) for file in self._history.glob("*.conf"))
        return tuple(sorted(filter(None, found), key=lambda version: version.id, reverse=True))

    def version(self, version_id: str) -> str | None:
        """The text of a former configuration, without secrets; None when there is none of that id."""
        text = self._version(version_id)
        return None if text is None else masked(text)

    def roll_back(self, version_id: str, now: datetime, *, dry_run: bool = False) -> Findings | None:
        """Put a former configuration in the place of the file; None when there is none of that id.

        Raises like `replace`.
        """
        text = self._version(version_id)
        if text is None:
            return None
        if not dry_run:
            return self.replace(text, now)
        findings = self.examined(text)
        if findings.errors:
            raise InvalidConfig(findings)
        return findings

    def _examined(self, draft: str) -> tuple[str, Findings]:
        text, unknown = _unmasked(draft, read_text(self.path), self.path)
        if unknown:
            return text, Findings(errors=unknown)
        return text, examine(self.path, self._environ, read=self._reader(text)).findings

    def _reader(self, text: str) -> Read:
        """Reads a draft, and of other files those that are read now."""
        known: set[Path] = set()

        def note(path: Path) -> str:
            known.add(path)
            return read_text(path)

        examine(self.path, self._environ, read=note)

        def read(path: Path) -> str:
            if path == self.path:
                return text
            if path not in known:
                raise OSError(errno.EACCES, "a draft can name no file that is not in use already")
            return read_text(path)

        return read

    def _keep(self, text: str, now: datetime) -> None:
        self._history.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{now.astimezone(UTC):{_STAMP}}-{_digest(text)}.conf"
        _write(self._history / name, text, None)
        for version in self.versions()[MOST_VERSIONS:]:
            (self._history / f"{version.id}.conf").unlink(missing_ok=True)

    def _version(self, version_id: str) -> str | None:
        if not _VERSION.fullmatch(version_id):
            return None
        try:
            return read_text(self._history / f"{version_id}.conf")
        except FileNotFoundError:
            return None


def masked(text: str) -> str:
    """A configuration without its secrets: passwords in addresses, also in comments."""
    return _SECRET.sub(lambda found: f"{found[1] or found[2]}{MASK}", text)


def _unmasked(draft: str, former: str, path: Path) -> tuple[str, tuple[Finding, ...]]:
    """A draft with the secrets that the former text has in the same lines, and what is wrong with others."""
    known = {masked(line).strip(): line for line in former.splitlines() if masked(line) != line}
    lines = [known.get(line.strip(), line) if MASK in line else line for line in draft.splitlines()]
    return "".join(f"{line}\n" for line in lines), tuple(_unknown(lines, path))


def _unknown(lines: list[str], path: Path) -> Iterator[Finding]:
    for number, line in enumerate(lines, start=1):
        if MASK in line:
            yield Finding(
                Place(str(path), number),
                f"{MASK} stands for no secret of the file as it is now: write the secret itself",
            )


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]


def _version(name: str) -> Version | None:
    found = _VERSION.fullmatch(name)
    if found is None:
        return None
    try:
        return Version(name, datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC))
    except ValueError:
        return None


def _write(path: Path, text: str, like: os.stat_result | None) -> None:
    """Write a file as a whole, with the owner and the rights of another one."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            if like:
                _give(descriptor, like)
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _give(descriptor: int, like: os.stat_result) -> None:
    mine = os.fstat(descriptor)
    if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, like.st_mode & 0o777)
