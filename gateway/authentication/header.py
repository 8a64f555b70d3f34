"""The header of a message as signatures see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.authentication.dkim.canonical import Canonicalization, canonical_field
from gateway.domain.headers import Field, fields


class Header:
    """A header block: its fields by name, and their canonical forms, each worked out once."""

    def __init__(self, block: bytes) -> None:
        self.block = block
        self.fields = fields(block)
        self._named: dict[str, list[Field]] = {}
        for field in self.fields:
            self._named.setdefault(field.name.lower(), []).append(field)
        self._canonical: dict[tuple[int, Canonicalization], bytes] = {}

    def named(self, name: str) -> tuple[Field, ...]:
        """The fields of one name, in order."""
        return tuple(self._named.get(name.lower(), ()))

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
                of_name = left[name] = [field for field in self._named.get(name, ()) if field is not own]
            if of_name:
                yield of_name.pop()
