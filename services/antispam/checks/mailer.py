"""Signs in what the sending program wrote of itself: X-Mailer, scripts, Received."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.domain.journey import Finding
from services.antispam.view import View, is_in_figures

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
_DIALUP = re.compile(
    r"(?:\d{1,3}-){3}\d{1,3}[.-]"
    r"|\b(?:dyn|dynamic|[avx]?dsl|ppp|dialup|dial-in|dip|dhcp|catv)[\d.-]"
    r"|\b(?:cable|pool|cust|client|broadband)[.-]?\d",
    re.IGNORECASE,
)
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
    yield from _way(view)
    yield from _charset(view)


def _way(view: View) -> Iterator[Finding]:
    helo = view.facts.helo.strip().lower()
    if is_in_figures(helo):
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
