"""The header of a message as signatures see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.authentication.dkim.canonical import Canonicalization, canonical_field
from gateway.domain.headers import Field, FieldsByName

MOST_BYTES = 1 << 18
"""Longer headers are not examined; real ones have a few thousand bytes."""

_END = b"\r\n\r\n"


class Beginning:
    """The beginning of a message that comes in pieces, up to where its header ends."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._end: int | None = None

    def add(self, piece: bytes) -> bool:
        """Add bytes; whether that is enough. Then none may be added any more."""
        searched = max(0, len(self._bytes) - len(_END) + 1)
        self._bytes += piece
        if self._bytes.startswith(b"\r\n"):  # no header at all
            self._end = 2
        elif (found := self._bytes.find(_END, searched)) >= 0:
            self._end = found + len(_END)
        return self._end is not None or len(self._bytes) > MOST_BYTES

    def parted(self) -> tuple[bytes, bytes]:
        """The header, and what came behind it. A header that did not end is all that came."""
        return bytes(self._bytes[: self._end]), b"" if self._end is None else bytes(self._bytes[self._end :])


class Header:
    """A header block: its fields by name, and their canonical forms, each worked out once."""

    def __init__(self, block: bytes) -> None:
        self.block = block
        self.too_long = len(block) > MOST_BYTES
        self._fields = FieldsByName(block)
        self._canonical: dict[tuple[int, Canonicalization], bytes] = {}

    def named(self, name: str) -> tuple[Field, ...]:
        """The fields of one name, in order."""
        return self._fields.named(name)

    def value(self, field: Field) -> bytes:
        """What stands behind the colon, without the line end."""
        return self.block[field.value_start : field.end].removesuffix(b"\r\n")

    def canonical(self, field: Field, form: Canonicalization) -> bytes:
        """A whole field in canonical form, ended by CRLF."""
        key = field.start, form
        known = self._canonical.get(key)
        if known is None:
            known = self._canonical[key] = canonical_field(
                field.name, self.block[field.start : field.end], field.value_start - field.start - 1, form
            )
        return known

    def chosen(self, names: Iterable[str], own: Field | None = None) -> Iterator[Field]:
        """The fields that h= means: of those of one name, the last first (RFC 6376 §5.4.2).

        A name without a field left means none. `own` is the signature itself, which is never meant.
        """
        left: dict[str, list[Field]] = {}
        for name in names:
            of_name = left.get(name)
            if of_name is None:
                of_name = left[name] = [field for field in self.named(name) if field != own]
            if of_name:
                yield of_name.pop()
