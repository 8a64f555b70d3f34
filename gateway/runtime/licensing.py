"""The licence of a running gateway: asked for before any work begins, and looked at again and again."""

from __future__ import annotations

import asyncio
import logging
from datetime import date
from pathlib import Path

from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.licence import Key, LicenceType, Standing
from gateway.licences.keyfile import MOST_BYTES
from gateway.licences.keyring import KeyRefused, Keyring

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""So soon a change of the keys, or of the day, has its effect in all processes."""


class NoLicence(ConfigError):
    """There is no key with which the gateway may start."""


class Licensing:
    """What the keys of the site come to, as this process knows it."""

    def __init__(self, keyring: Keyring, folder: Path) -> None:
        """Key files in `folder` that the site has never seen are installed at start."""
        self._keyring = keyring
        self._folder = folder
        self.standing = Standing(date.min, None, None)

    @property
    def filters_spam(self) -> bool:
        """Whether the parameters about spam mean anything."""
        return self.standing.filters_spam

    async def open(self) -> None:
        """Know the licence. Raises `NoLicence` when the gateway may not start with it."""
        await self._install_new_files()
        self.standing = await self._keyring.standing()
        self._tell()
        if self.standing.may_start:
            return
        active = self.standing.active
        raise NoLicence(
            f"the licence key {active.licence.serial} ended on {active.last_day()}: install another one with "
            "licensemanager -a FILE"
            if active
            else f"no licence key is installed: put a key file into {self._folder}, or install it with "
            "licensemanager -a FILE"
        )

    async def follow(self) -> None:
        """Keep up with the keys and the days, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Ask once what the keys come to now. While nobody can say, it stays as it was."""
        before = self.standing
        try:
            self.standing = await self._keyring.standing()
        except TemporaryFailure as trouble:
            log.debug("the licence cannot be looked at now: %s", trouble)
            return
        if (before.active, before.in_force) != (self.standing.active, self.standing.in_force):
            self._tell()

    async def _install_new_files(self) -> None:
        for file in sorted(self._folder.glob("*.key")):
            try:
                with file.open("rb") as opened:
                    content = opened.read(MOST_BYTES + 1)
                if await self._keyring.knows(self._keyring.read(content).serial):
                    continue
                key = await self._keyring.install(content, file.name)
            except (KeyRefused, OSError) as problem:
                log.warning("the licence key in %s is not used: %s", file, problem)
            else:
                log.info(
                    "the licence key %s of %s is installed as %s key", key.licence.serial, file, key.place
                )

    def _tell(self) -> None:
        now = self.standing
        if now.active is None:
            log.error("there is no licence key")
        elif not now.in_force:
            log.error(
                "the licence key %s ended on %s: databases are updated no more",
                now.active.licence.serial,
                now.active.last_day(),
            )
        else:
            log.info("%s", _described(now.active))


def _described(key: Key) -> str:
    licence = key.licence
    text = f"licence key {licence.serial} for {licence.holder}: {licence.scope}, until {key.last_day()}"
    if licence.type is LicenceType.EVALUATION:
        return f"{text}; it is a key for evaluation, and no licence to use the gateway for real mail"
    return text
