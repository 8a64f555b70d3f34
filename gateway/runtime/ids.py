"""Queue ids: 8 letters or digits and 5 digits, `jHrWPC7s86253` (reference, section 11)."""

from __future__ import annotations

import hashlib
import secrets
import string

_LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_COUNT: int = len(_LETTERS) ** 8 * 10**5
"""About 2^64: among a million ids that are in use at once, two are equal once in some ten million times."""


def new_id() -> str:
    """An id for a message that just came in: nobody can guess it or the next one."""
    return _shaped(secrets.randbelow(_COUNT))


def derived_id(mail_id: str, purpose: str) -> str:
    """The id of a mail that was made because of another one: a repeated step makes the same id again."""
    digest = hashlib.blake2b(f"{mail_id}\0{purpose}".encode(), digest_size=16).digest()
    return _shaped(int.from_bytes(digest) % _COUNT)


def _shaped(number: int) -> str:
    rest, digits = divmod(number, 10**5)
    letters = []
    for _ in range(8):
        rest, letter = divmod(rest, len(_LETTERS))
        letters.append(_LETTERS[letter])
    return f"{''.join(letters)}{digits:05}"
