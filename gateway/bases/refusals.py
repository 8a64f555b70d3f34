"""Versions that are not to be installed again: they failed their test, or an operator went back from them.

They are passed over until the maker publishes another version, or an operator wants them all the same.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.bases.catalogue import Family

REMEMBERED = 20
"""Versions of a family, the newest."""


class Refusals:
    """Remembers them in one small file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def reason(self, family: Family, version: str) -> str:
        """Why it is not to be installed; "" when it may be."""
        return self._read().get(family, {}).get(version, "")

    def add(self, family: Family, version: str, reason: str) -> None:
        """From now on pass it over."""
        known = self._read()
        versions = {**known.get(family, {}), version: reason}
        known[family] = {one: versions[one] for one in sorted(versions)[-REMEMBERED:]}
        written = self._file.with_suffix(".new")
        written.write_bytes(msgspec.json.encode(known))
        written.rename(self._file)

    def _read(self) -> dict[Family, dict[str, str]]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[Family, dict[str, str]])
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}  # a memory that is lost costs one more test
