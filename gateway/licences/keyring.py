"""The keys of a site: read with their proof, changed one by one, and brought up to date each day."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from gateway.domain.licence import (
    Key,
    Licence,
    Place,
    Refusal,
    Standing,
    install,
    remove,
    standing,
    turn_of_day,
)
from gateway.licences.keyfile import BadKey, Signer, read_key
from gateway.records.licences import LicenceRecords, StoredKey

_log = logging.getLogger(__name__)


class KeyRefused(Exception):
    """A key is not taken in. The text says why."""


class Keyring:
    """Knows the keys. What is stored proves itself each time it is read."""

    def __init__(
        self, records: LicenceRecords, signers: Mapping[str, Signer], today: Callable[[], date]
    ) -> None:
        self._records = records
        self._signers = signers
        self._today = today

    async def standing(self) -> Standing:
        """What the keys come to today. A backup whose time has come takes over now."""
        today = await self._records.newest_day(self._today())
        stored = await self._records.keys()
        now = standing(self._proven(stored), today)
        turned = turn_of_day(now)
        if not turned:
            return now
        await self._keep(turned, stored)
        return standing(self._proven(await self._records.keys()), today)

    async def install(self, content: bytes, file: str) -> Key:
        """Take in the key of a file; what it is here. After a `KeyRefused` nothing has changed."""
        licence = self.read(content)
        now = await self.standing()
        stored = await self._records.keys()
        taken = install(licence, self._proven(stored), now.today, file=file)
        if isinstance(taken, Refusal):
            raise KeyRefused(taken)
        await self._keep(taken, stored, {licence.serial: content.decode("utf-8-sig")})
        return next(key for key in taken if key.licence.serial == licence.serial)

    async def remove(self, *places: Place) -> tuple[Place, ...]:
        """Remove the keys that are in these places; in which of them there was one."""
        stored = await self._records.keys()
        keys = self._proven(stored)
        await self._keep(remove(keys, *places), stored)
        return tuple(place for place in places if any(key.place is place for key in keys))

    async def knows(self, serial: str) -> bool:
        """Whether a key of that serial was ever here."""
        return any(key.serial == serial for key in await self._records.keys())

    def read(self, content: bytes) -> Licence:
        """What a key file grants. Raises `KeyRefused` when it is none."""
        try:
            return read_key(content, self._signers)
        except BadKey as error:
            raise KeyRefused(str(error)) from error

    def _proven(self, stored: Iterable[StoredKey]) -> tuple[Key, ...]:
        keys: list[Key] = []
        for key in stored:
            try:
                licence = read_key(key.content.encode(), self._signers)
            except BadKey as error:
                _log.error("the licence key %s counts for nothing: %s", key.serial, error)
            else:
                keys.append(Key(licence, key.place, key.activated, key.file))
        return tuple(keys)

    async def _keep(
        self, keys: Iterable[Key], stored: Sequence[StoredKey], new: Mapping[str, str] | None = None
    ) -> None:
        contents = {key.serial: key.content for key in stored} | dict(new or {})
        await self._records.keep(
            StoredKey(key.licence.serial, key.file, contents[key.licence.serial], key.place, key.activated)
            for key in keys
        )
