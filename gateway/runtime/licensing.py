"""The licence of a running gateway: asked for before any work begins, and looked at again and again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.licence import Key, LicenceType, Standing, warning_for
from gateway.licences.keyfile import MOST_BYTES
from gateway.licences.keyring import KeyRefused, Keyring
from gateway.licences.revocations import MOST_BYTES as MOST_BYTES_OF_A_LIST

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""So soon a change of the keys, or of the day, has its effect in all processes."""


class NoLicence(ConfigError):
    """There is no key with which the gateway may start."""


class Licensing:
    """What the keys of the site come to, as this process knows it."""

    def __init__(self, keyring: Keyring, folder: Path, lists: Sequence[Path] = ()) -> None:
        """Key files in `folder` that the site has never seen are installed at start.

        Lists of revoked keys are taken in as they come to be at the paths `lists`.
        """
        self.keyring = keyring
        self._folder = folder
        self._lists = tuple(lists)
        self._seen: dict[Path, tuple[int, ...]] = {}  # the lists that were read, by what tells files apart
        self.standing = Standing(date.min, None, None)

    @property
    def filters_spam(self) -> bool:
        """Whether the parameters about spam mean anything."""
        return self.standing.filters_spam

    def takes_databases_of(self, made_on: date) -> bool:
        """Whether databases made on that day may be used: those made after the term are refused."""
        return self.standing.takes_databases_of(made_on)

    async def open(self) -> None:
        """Know the licence. Raises `NoLicence` when the gateway may not start with it."""
        await self._take_new_lists()
        await self._install_new_files()
        self.standing = await self.keyring.standing()
        self._tell()
        if self.standing.may_start:
            return
        raise NoLicence(f"{self._why_not()}, or install it with licensemanager -a FILE")

    async def follow(self) -> None:
        """Keep up with the keys and the days, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Ask once what the keys come to now. While nobody can say, it stays as it was."""
        before = self.standing
        try:
            await self._take_new_lists()
            self.standing = await self.keyring.standing()
        except TemporaryFailure as trouble:
            log.debug("the licence cannot be looked at now: %s", trouble)
            return
        if _told_of(before) != _told_of(self.standing):
            self._tell()

    def _why_not(self) -> str:
        another = f"put another key file into {self._folder}"
        if active := self.standing.active:
            return f"the licence key {active.licence.serial} ended on {active.last_day()}: {another}"
        if revoked := self.standing.revoked:
            return f"the licence key {revoked.licence.serial} was revoked by its maker: {another}"
        return f"no licence key is installed: put a key file into {self._folder}"

    async def _take_new_lists(self) -> None:
        for path in self._lists:
            try:
                found = path.stat()
                stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
                if self._seen.get(path) == stamp:
                    continue
                self._seen[path] = stamp
                with path.open("rb") as opened:
                    content = opened.read(MOST_BYTES_OF_A_LIST + 1)
                if await self.keyring.revoke(content):
                    log.info("the list of revoked licence keys in %s is taken in", path)
            except FileNotFoundError:
                continue
            except TemporaryFailure:
                del self._seen[path]
                raise
            except (KeyRefused, OSError) as problem:
                log.warning("the list of revoked licence keys in %s is not used: %s", path, problem)

    async def _install_new_files(self) -> None:
        for file in sorted(self._folder.glob("*.key")):
            try:
                with file.open("rb") as opened:
                    content = opened.read(MOST_BYTES + 1)
                if await self.keyring.knows(self.keyring.read(content).serial):
                    continue
                key = await self.keyring.install(content, file.name)
            except (KeyRefused, OSError) as problem:
                log.warning("the licence key in %s is not used: %s", file, problem)
            else:
                log.info(
                    "the licence key %s of %s is installed as %s key", key.licence.serial, file, key.place
                )

    def _tell(self) -> None:
        now = self.standing
        if now.active is None and now.revoked is not None:
            log.error("the licence key %s was revoked by its maker", now.revoked.licence.serial)
        elif now.active is None:
            log.error("there is no licence key")
        elif not now.in_force:
            log.error(
                "the licence key %s ended on %s: databases are updated no more",
                now.active.licence.serial,
                now.active.last_day(),
            )
        else:
            log.info("%s", _described(now.active))
            if warning_for(now) is not None:
                log.warning("the licence ends on %s, and no key follows", now.active.last_day())


def _told_of(now: Standing) -> tuple[object, ...]:
    """What the log tells when it changes."""
    return now.active, now.in_force, now.revoked, warning_for(now)


def _described(key: Key) -> str:
    licence = key.licence
    text = f"licence key {licence.serial} for {licence.holder}: {licence.scope}, until {key.last_day()}"
    if licence.type is LicenceType.EVALUATION:
        return f"{text}; it is a key for evaluation, and no licence to use the gateway for real mail"
    return text
