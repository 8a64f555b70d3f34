"""Signs in what the sending program wrote of itself: X-Mailer, Message-ID, Received."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.authentication.dmarc.record import organisation_of
from gateway.domain.journey import Finding
from services.antispam.database.tables import entry_of, is_in
from services.antispam.view import View

_ID = re.compile(r"\s*<([^<>@\s]*)@([^<>@\s]*)>\s*")
_SPAMWARE = re.compile(
    r"\b(?:the bulk|bulk ?mail|mass ?mail|dark mailer|advanced mass|group mail|stealth|send-safe|aristotle"
    r"|avalanche|emailing machine|e-?mail magnet|floodgate|gammadyne|jpfree|opt-in lightning|ratware|zmailer"
    r"|prospect mailer|turbo ?mailer|v-mailer|worldmerge|yourdora|leaf ?php|alexus|gx40|owl php)",
    re.IGNORECASE,
)
_SCRIPT = re.compile(
    r"eval\(\)'d code|/(?:tmp|wp-content|wp-includes|uploads?|images?|cache)/|mailer\d*\.php|alfa|leaf",
    re.IGNORECASE,
)
_LOCAL_HOST = re.compile(
    r"(?:localhost(?:\.localdomain)?|[^.]+|.*\.(?:local|lan|internal|localdomain|home))", re.IGNORECASE
)
_WINDOWS_HOST = re.compile(r"(?:win-|desktop-|laptop-|vps|ip-?\d|server\d*$|user|pc)", re.IGNORECASE)
_DIALUP = re.compile(
    r"(?:\d{1,3}-){3}\d{1,3}[.-]"
    r"|\b(?:dyn|dynamic|[avx]?dsl|ppp|dialup|dial-in|dip|dhcp|catv)[\d.-]"
    r"|\b(?:cable|pool|cust|client|broadband)[.-]?\d",
    re.IGNORECASE,
)
_BY_GATEWAY = re.compile(
    r"\.(?:prod\.protection\.outlook\.com|mail\.protection\.outlook\.com)$|^mx\.google\.com$", re.IGNORECASE
)
_SENDING = frozenset({"outlook.com", "exchangelabs.com", "google.com", "phx.gbl"})
"""Houses whose servers write Message-IDs for the domains of others."""
_FROM_HOST = re.compile(r"\s*from\s+(\S{1,255})(?:\s+\(([^)]{0,255})\))?", re.IGNORECASE)
_EASTERN = re.compile(
    r"=\?(gb2312|gbk|gb18030|big5|euc-kr|ks_c_5601-1987|iso-2022-(?:jp|kr|cn)|shift_jis|euc-jp)\?",
    re.IGNORECASE,
)


def mailer(view: View) -> Iterator[Finding]:
    """Findings about the program that made the message."""
    named = view.value("x-mailer").strip()
    if view.has("x-mailer") and not named:
        yield Finding("mailer.empty", "X-Mailer is empty")
    if _SPAMWARE.search(named):
        yield Finding("mailer.spamware", f"X-Mailer names a program for bulk mail: {named[:60]!r}")
    script = view.value("x-php-originating-script") or view.value("x-php-script")
    if script:
        known = "mailer.odd_script" if _SCRIPT.search(script) else "mailer.script"
        yield Finding(known, f"a script on a web server sent it: {script[:60]!r}")
    yield from _message_id(view)
    yield from _way(view)
    yield from _charset(view)


def _message_id(view: View) -> Iterator[Finding]:
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
    elif host.strip("[]").replace(".", "").isdigit() or _LOCAL_HOST.fullmatch(host):
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
    if host in tables.freemail or (view.author.domain == "gmail.com" and host.endswith("yahoo.com")):
        yield Finding("message_id.other_service", f"mail of {view.author.domain} has a Message-ID of {host}")
    elif (
        house not in _SENDING
        and house != organisation_of(view.facts.helo.strip().lower())
        and not entry_of(host, tables.mailers)
        and not entry_of(host, tables.hosting)
        and not is_in(host, tables.freemail)
    ):
        yield Finding("message_id.elsewhere", f"mail of {view.author.domain} has a Message-ID of {host[:80]}")


def _made_for_recipient(view: View, host: str) -> bool:
    if view.threaded or _same(host, view.author.address):
        return False
    return any(_same(host, to) for to in view.recipients[:3])


def _same(host: str, address: str) -> bool:
    return organisation_of(host) == organisation_of(address.rpartition("@")[2])


def _way(view: View) -> Iterator[Finding]:
    helo = view.facts.helo.strip().lower()
    if helo and helo.strip("[]").replace(".", "").isdigit():
        yield Finding("helo.address", f"the client named itself by an address: {helo}")
    elif helo and "." not in helo:
        yield Finding("helo.no_domain", f"the client did not name itself by a full name: {helo[:60]!r}")
    elif _DIALUP.search(helo):
        yield Finding("helo.dialup", f"the client is named like a line for the home: {helo[:80]}")
    if view.count("received") > 1:
        return
    for value in view.values("received"):
        host = _FROM_HOST.match(value)
        if (
            host
            and _DIALUP.search(f"{host[1]} {(host[2] or '').partition('[')[0]}")
            and not re.search(r"esmtps?a\b", value, re.IGNORECASE)
        ):
            yield Finding("received.dialup", f"it came straight from a line for the home: {host[1][:80]}")


def _charset(view: View) -> Iterator[Finding]:
    head = view.raw("subject") + b" " + view.raw("from")
    found = _EASTERN.search(head.decode("latin-1"))
    if found and not any(
        "\u2e80" <= char <= "\ufaff" or "\uff00" <= char <= "\uffef"
        for char in view.subject + view.message.text[:2000]
    ):
        yield Finding(
            "header.eastern", f"an East Asian encoding, {found[1].lower()}, where nothing is written in it"
        )
