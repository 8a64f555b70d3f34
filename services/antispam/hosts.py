"""What strangers may use a host for: a link to such a host tells nothing good of who runs it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from services.antispam.database.tables import Tables, entry_of, is_in


class Use(StrEnum):
    """What strangers use a host for."""

    SHORTENER = "shortener"  # leads to any place
    HOSTING = "hosting"  # shows anybody's pages, at once and for nothing
    FORM = "form"  # asks whatever its maker wants to know
    FILES = "files"  # hands out anybody's files
    IPFS = "ipfs"  # pages that nobody can take down
    CLICKS = "clicks"  # counts clicks for those who send mail for others
    CHAT = "chat"  # reaches a person outside mail
    DESK = "desk"  # answers and sends in the name of whoever rents it


_KINDS: Mapping[str, Use] = MappingProxyType(
    {
        "site": Use.HOSTING,
        "app": Use.HOSTING,
        "tunnel": Use.HOSTING,
        "form": Use.FORM,
        "file": Use.FILES,
        "doc": Use.FILES,
        "desk": Use.DESK,
    }
)

_IPFS = frozenset(
    {"ipfs.io", "dweb.link", "cf-ipfs.com", "cloudflare-ipfs.com", "nftstorage.link", "w3s.link"}
)
_CHATS = frozenset(
    {"wa.me", "t.me", "telegram.me", "api.whatsapp.com", "chat.whatsapp.com", "discord.gg", "line.me"}
)


@lru_cache(maxsize=8192)
def use_of(host: str, tables: Tables) -> Use | None:
    """What strangers use this host, or one above it, for; None for the hosts of one house."""
    if is_in(host, _IPFS):
        return Use.IPFS
    if is_in(host, _CHATS):
        return Use.CHAT
    if is_in(host, tables.shorteners):
        return Use.SHORTENER
    if entry_of(host, tables.mailers):
        return Use.CLICKS
    return _KINDS.get(entry_of(host, tables.hosting))
