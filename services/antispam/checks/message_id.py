"""Signs in the Message-ID: whether there is one, and who made it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.authentication.dmarc.record import organisation_of
from gateway.domain.journey import Finding
from services.antispam.database.tables import entry_of, is_in
from services.antispam.view import View, is_in_figures


def _domains(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ID = re.compile(r"\s*<([^<>@\s]*)@([^<>@\s]*)>\s*")
_LOCAL_HOST = re.compile(
    r"(?:localhost(?:\.localdomain)?|[^.]+|.*\.(?:local|lan|internal|localdomain|home))", re.IGNORECASE
)
_WINDOWS_HOST = re.compile(r"(?:win-|desktop-|laptop-|vps|ip-?\d|server\d*$|user|pc)", re.IGNORECASE)
_BY_GATEWAY = re.compile(
    r"\.(?:prod\.protection\.outlook\.com|mail\.protection\.outlook\.com)$|^mx\.google\.com$", re.IGNORECASE
)

_SENDING = _domains(
    """
    exchangelabs.com gandi.net google.com hostedemail.com kundenserver.de outlook.com ovh.net phx.gbl
    privateemail.com rackspace.com sap.com secureserver.net sfdc.net titan.email
    """
)
"""Houses whose servers write Message-IDs for the domains of others."""

_LENDING = _domains(
    """
    126.com 163.com fastmail.com gmx.net icloud.com mail.ru me.com proton.me protonmail.com qq.com
    yandex.com yandex.ru zoho.com
    """
)
"""Houses of free mailboxes that do so too, by their own name."""


def message_id(view: View) -> Iterator[Finding]:
    """Findings about the Message-ID."""
    if not view.has("message-id"):
        yield Finding("message_id.missing", "there is no Message-ID")
        return
    text = view.value("message-id")
    parts = _ID.fullmatch(text)
    if parts is None:
        yield Finding("message_id.invalid", f"the Message-ID is malformed: {text[:60]!r}")
        return
    host = parts[2].lower()
    if _BY_GATEWAY.search(host):
        yield Finding("message_id.added", "the sender gave no Message-ID: a server on the way added it")
    elif is_in_figures(host) or _LOCAL_HOST.fullmatch(host):
        kind = "message_id.machine" if _WINDOWS_HOST.match(host) else "message_id.no_domain"
        yield Finding(kind, f"the Message-ID names no host of the net: {host[:60]!r}")
    elif _made_for_recipient(view, host):
        yield Finding("message_id.recipient", "the recipient's server made the Message-ID, not the sender's")
    elif not (view.bulk or view.threaded) and view.author.domain:
        yield from _of_others(view, host)


def _of_others(view: View, host: str) -> Iterator[Finding]:
    """Findings about a Message-ID of neither the author's house nor of those who send for it."""
    tables, house = view.tables, organisation_of(host)
    if house == view.author.organisation or house in view.senders or view.is_own(house):
        return
    if _lends_no_names(host, view) or (view.author.domain == "gmail.com" and host.endswith("yahoo.com")):
        yield Finding("message_id.other_service", f"mail of {view.author.domain} has a Message-ID of {host}")
    elif (
        house not in _SENDING
        and house != organisation_of(view.facts.helo.strip().lower())
        and not entry_of(host, tables.mailers)
        and not entry_of(host, tables.hosting)
        and not is_in(host, tables.freemail)
    ):
        yield Finding("message_id.elsewhere", f"mail of {view.author.domain} has a Message-ID of {host[:80]}")


def _lends_no_names(host: str, view: View) -> bool:
    """Whether a host stands for free mailboxes of its own alone, under whatever top-level domain."""
    label = view.author.organisation.partition(".")[0] if view.author.free else ""
    return host in view.tables.freemail and host not in _LENDING and host.partition(".")[0] != label


def _made_for_recipient(view: View, host: str) -> bool:
    if view.threaded or _same(host, view.author.address):
        return False
    return any(_same(host, to) for to in view.recipients[:3])


def _same(host: str, address: str) -> bool:
    return organisation_of(host) == organisation_of(address.rpartition("@")[2])
