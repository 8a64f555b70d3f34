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
from gateway.licences.keyfile import read_key
from gateway.licences.revocations import RevocationList, read_list
from gateway.licences.signed import BadKey, Signer
from gateway.records.licences import LicenceRecords, StoredKey

_log = logging.getLogger(__name__)


class KeyRefused(Exception):
    """A key is not taken in, or a list of revoked keys. The text says why."""


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
        today, lists = await self._day_and_lists()
        now = self._standing(await self._records.keys(), lists, today)
        if not turn_of_day(now):
            return now

        def turn(stored: Sequence[StoredKey]) -> Iterable[StoredKey]:
            return _as_stored(turn_of_day(self._standing(stored, lists, today)), stored)

        return self._standing(await self._records.change(turn), lists, today)

    async def install(self, content: bytes, file: str, *, dry_run: bool = False) -> Key:
        """Take in the key of a file; what it is here. After a `KeyRefused` nothing has changed.

        `dry_run`: only say what would become of it.
        """
        licence = self.read(content)
        await self.standing()
        today, lists = await self._day_and_lists()

        def taken(stored: Sequence[StoredKey]) -> tuple[Key, ...]:
            keys = self._proven(stored)
            revoked = _revoked((licence, *(key.licence for key in keys)), lists)
            found = install(licence, keys, today, revoked, file=file)
            if isinstance(found, Refusal):
                raise KeyRefused(found)
            return found

        if dry_run:
            changed = taken(await self._records.keys())
            return next(key for key in changed if key.licence.serial == licence.serial)

        new = {licence.serial: content.decode("utf-8-sig")}
        stored = await self._records.change(lambda stored: _as_stored(taken(stored), stored, new))
        return next(key for key in self._proven(stored) if key.licence.serial == licence.serial)

    async def remove(self, *places: Place, dry_run: bool = False) -> tuple[Place, ...]:
        """Remove the keys that are in these places; in which of them there was one.

        `dry_run`: only say so.
        """
        had: set[Place] = set()

        def removed(stored: Sequence[StoredKey]) -> Iterable[StoredKey]:
            gone = remove(self._proven(stored), *places)
            serials = {key.licence.serial for key in gone}
            had.clear()
            had.update(key.place for key in stored if key.serial in serials)
            return _as_stored(gone, stored)

        if dry_run:
            removed(await self._records.keys())
        else:
            await self._records.change(removed)
        return tuple(place for place in places if place in had)

    async def revoke(self, content: bytes) -> bool:
        """Take in a list of revoked keys; False when it is known, or older than one that is.

        Raises `KeyRefused` when it is none.
        """
        try:
            new = read_list(content, self._signers)
        except BadKey as error:
            raise KeyRefused(str(error)) from error
        _, lists = await self._day_and_lists()
        if any(known.signer == new.signer and known.number >= new.number for known in lists):
            return False
        await self._records.keep_revocations(new.signer, new.number, content.decode("utf-8-sig"))
        return True

    async def knows(self, serial: str) -> bool:
        """Whether a key of that serial was ever here."""
        return any(key.serial == serial for key in await self._records.keys())

    def read(self, content: bytes) -> Licence:
        """What a key file grants. Raises `KeyRefused` when it is none."""
        try:
            return read_key(content, self._signers)
        except BadKey as error:
            raise KeyRefused(str(error)) from error

    async def _day_and_lists(self) -> tuple[date, Sequence[RevocationList]]:
        today = await self._records.newest_day(self._today())
        lists: list[RevocationList] = []
        for content in await self._records.revocations():
            try:
                lists.append(read_list(content.encode(), self._signers))
            except BadKey as error:
                _log.error("a list of revoked licence keys counts for nothing: %s", error)
        return today, lists

    def _standing(
        self, stored: Iterable[StoredKey], lists: Sequence[RevocationList], today: date
    ) -> Standing:
        keys = self._proven(stored)
        return standing(keys, today, _revoked((key.licence for key in keys), lists))

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


def _revoked(licences: Iterable[Licence], lists: Sequence[RevocationList]) -> frozenset[str]:
    """The serials of those licences that a list revokes."""
    return frozenset(
        licence.serial for licence in licences if any(revoking.revokes(licence) for revoking in lists)
    )


def _as_stored(
    keys: Iterable[Key], stored: Sequence[StoredKey], new: Mapping[str, str] | None = None
) -> Iterable[StoredKey]:
    contents = {key.serial: key.content for key in stored} | dict(new or {})
    return [
        StoredKey(key.licence.serial, key.file, contents[key.licence.serial], key.place, key.activated)
        for key in keys
    ]
