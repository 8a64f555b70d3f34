"""The arguments of commands as values.

RFC 5321 §4.1.2, and its extensions: RFC 1870 (SIZE), 3030 (CHUNKING), 3461 §4 (DSN), 6152 (8BITMIME) and
6531 (SMTPUTF8).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address

from gateway.domain.mail import Notify, Recipient, Return
from services.receiver import replies
from services.receiver.replies import Reply

LONGEST_LOCAL_PART = 64  # octets, as all of these
LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3: 256 with the angle brackets
LONGEST_CHUNK = 1 << 40

_BEYOND_ASCII = "\u00a0-\u3001\u3003-\ud7ff\ue000-\uff0d\uff0f-\uff60\uff62-\U0010ffff"
"""What an address may have with SMTPUTF8: no control characters, and none that IDNA takes for a dot."""


def _address_patterns(beyond: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """An address, whose local part is its first group; and a local part alone."""
    # Dots may stand anywhere in a local part: real addresses of some providers have them at its end.
    atoms = rf"[\w.!#$%&'*+/=?^`{{|}}~{beyond}-]+"
    quoted = rf"\"(?:[ !#-\[\]-~{beyond}]|\\[ -~])*\""
    # Both cases are written out: to ignore case, the compiler would look at each character beyond ASCII.
    label = rf"[A-Za-z0-9_{beyond}](?:[A-Za-z0-9_{beyond}-]*[A-Za-z0-9_{beyond}])?"
    local_part = f"{atoms}|{quoted}"
    return (
        re.compile(rf"({local_part})@({label}(?:\.{label})*|\[[!-~]+\])", re.ASCII),
        re.compile(local_part, re.ASCII),
    )


_PATTERNS = {False: _address_patterns(""), True: _address_patterns(_BEYOND_ASCII)}

# A quoted local part may hold ">" and spaces, so the path ends at the first ">" outside quotes.
_PATH = re.compile(r'[ \t]*<((?:[^<>"]|"(?:[^"\\]|\\.)*")*)>(?:[ \t]+(.*))?', re.DOTALL)
_SOURCE_ROUTE = re.compile(r"@[^,:]+(?:,@[^,:]+)*:")

_HOST_NAME = re.compile(r"[!-~]{1,255}")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")  # RFC 3461 §4
_UTF8_XTEXT = re.compile(rf"(?:[!-*,-<>-~{_BEYOND_ASCII}]|\+[0-9A-F]{{2}})+")  # RFC 6533 §3
_PARAMETER = re.compile(r"[^ \t]+")
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]+")
_NUMBER = re.compile(r"[0-9]{1,20}")
_CHUNK = re.compile(r"([0-9]{1,13})(?:[ \t]+(LAST))?", re.IGNORECASE)
_NOTIFICATIONS = frozenset(Notify)
_RETURNS = frozenset(Return)
_LONGEST_ENVELOPE_ID = 100  # RFC 3461 §4.4
_LONGEST_ORIGINAL = 500  # RFC 3461 §4.2


class _Fault(Enum):
    """Why a path is no address."""

    NOT_ASCII = auto()
    NO_DOMAIN = auto()
    INVALID = auto()


_SENDER_FAULTS = {
    _Fault.NOT_ASCII: replies.ADDRESS_NOT_ASCII,
    _Fault.NO_DOMAIN: replies.SENDER_NEEDS_DOMAIN,
    _Fault.INVALID: replies.BAD_SENDER,
}
_RECIPIENT_FAULTS = {
    _Fault.NOT_ASCII: replies.ADDRESS_NOT_ASCII,
    _Fault.NO_DOMAIN: replies.RECIPIENT_NEEDS_DOMAIN,
    _Fault.INVALID: replies.BAD_RECIPIENT,
}


@dataclass(frozen=True, slots=True)
class Sender:
    """What MAIL FROM said."""

    address: str  # "" is the null sender
    size: int = 0  # bytes announced, 0 when none were
    eight_bit: bool = False
    utf8: bool = False  # addresses and header may be UTF-8
    returns: Return | None = None
    envelope_id: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What BDAT said."""

    size: int  # bytes that follow
    last: bool


def parse_chunk(argument: str) -> Chunk | None:
    """The argument of BDAT; None when nobody can say how many bytes follow it."""
    found = _CHUNK.fullmatch(argument)
    if found is None or int(found[1]) > LONGEST_CHUNK:
        return None
    return Chunk(int(found[1]), found[2] is not None)


def parse_host_name(argument: str) -> str | Reply:
    """The name that a client gives itself. Any visible text will do: many clients have no real name."""
    name = argument.strip()
    return name if _HOST_NAME.fullmatch(name) else replies.HELLO_NEEDS_NAME


def parse_sender(argument: str, *, extended: bool) -> Sender | Reply:
    """The argument of MAIL. Parameters are only for clients that said EHLO."""
    split = _split(argument, "FROM:")
    if split is None:
        return replies.MAIL_SYNTAX
    path, rest = split
    parameters = _parse_parameters(rest, extended=extended)
    sender = parameters if isinstance(parameters, Reply) else _with_mail_parameters(Sender(path), parameters)
    if isinstance(sender, Reply) or not path:
        return sender

    fault = _fault(path, utf8=sender.utf8)
    return sender if fault is None else _SENDER_FAULTS[fault]


def parse_recipient(argument: str, postmaster: str, *, extended: bool, utf8: bool) -> Recipient | Reply:
    """The argument of RCPT, with `utf8` if MAIL asked for it.

    `<postmaster>` alone means `postmaster` (RFC 5321 §4.5.1).
    """
    split = _split(argument, "TO:")
    if split is None:
        return replies.RCPT_SYNTAX
    path, rest = split
    path = postmaster if path.lower() == "postmaster" else path
    fault = _fault(path, utf8=utf8)
    if fault is not None:
        return _RECIPIENT_FAULTS[fault]

    parameters = _parse_parameters(rest, extended=extended)
    if isinstance(parameters, Reply):
        return parameters
    return _with_rcpt_parameters(Recipient(path), parameters, utf8=utf8)


def _split(argument: str, keyword: str) -> tuple[str, str] | None:
    """The path without its source route, and the parameters behind it; None when there is no path."""
    if argument[: len(keyword)].upper() != keyword:
        return None
    found = _PATH.fullmatch(argument.rstrip(), len(keyword))
    if found is None:
        return None
    # A source route is to be ignored (RFC 5321 §4.1.1.3): the mail goes by our own routes.
    route = _SOURCE_ROUTE.match(found[1])
    return found[1][route.end() if route else 0 :], found[2] or ""


def _fault(path: str, *, utf8: bool) -> _Fault | None:
    address, local_part_alone = _PATTERNS[utf8]
    if not (utf8 or path.isascii()):
        return _Fault.NOT_ASCII
    if "@" not in path and local_part_alone.fullmatch(path):
        return _Fault.NO_DOMAIN
    found = address.fullmatch(path)
    if found is None or _octets(path) > LONGEST_ADDRESS or _octets(found[1]) > LONGEST_LOCAL_PART:
        return _Fault.INVALID
    return None if found[2][0] != "[" or _is_literal(found[2][1:-1]) else _Fault.INVALID


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8"))


def _is_literal(text: str) -> bool:
    """Whether an address stands between brackets (RFC 5321 §4.1.3)."""
    try:
        IPv6Address(text[5:]) if text[:5].lower() == "ipv6:" else IPv4Address(text)
    except ValueError:
        return False
    return "%" not in text


def _parse_parameters(text: str, *, extended: bool) -> Mapping[str, str] | Reply:
    """Parameters by their names in upper case; values as given. A parameter without a value has ""."""
    parameters: dict[str, str] = {}
    for parameter in _PARAMETER.findall(text):
        name, equals, value = parameter.partition("=")
        if not name.isascii():
            return replies.UNKNOWN_PARAMETER
        if equals and not value:
            return replies.BAD_PARAMETER
        if name.upper() in parameters:
            return replies.REPEATED_PARAMETER
        parameters[name.upper()] = value
    return parameters if extended or not parameters else replies.UNKNOWN_PARAMETER


def _with_mail_parameters(sender: Sender, parameters: Mapping[str, str]) -> Sender | Reply:
    for name, value in parameters.items():
        match name:
            case "SIZE" if _NUMBER.fullmatch(value):
                sender = replace(sender, size=int(value))
            case "BODY" if value.upper() in ("7BIT", "8BITMIME"):
                sender = replace(sender, eight_bit=value.upper() == "8BITMIME")
            case "RET" if value.upper() in _RETURNS:
                sender = replace(sender, returns=Return(value.upper()))
            case "ENVID" if _XTEXT.fullmatch(value) and len(value) <= _LONGEST_ENVELOPE_ID:
                sender = replace(sender, envelope_id=value)
            case "SMTPUTF8" if not value:
                sender = replace(sender, utf8=True)
            case "SIZE" | "BODY" | "SMTPUTF8" | "RET" | "ENVID":
                return replies.BAD_PARAMETER
            case _:
                return replies.UNKNOWN_PARAMETER
    return sender


def _with_rcpt_parameters(
    recipient: Recipient, parameters: Mapping[str, str], *, utf8: bool
) -> Recipient | Reply:
    for name, value in parameters.items():
        match name:
            case "NOTIFY" if notify := _notify(value):
                recipient = replace(recipient, notify=notify)
            case "ORCPT" if _is_original(value, _UTF8_XTEXT if utf8 else _XTEXT):
                recipient = replace(recipient, original=value)
            case "NOTIFY" | "ORCPT":
                return replies.BAD_PARAMETER
            case _:
                return replies.UNKNOWN_PARAMETER
    return recipient


def _notify(value: str) -> tuple[Notify, ...]:
    """What NOTIFY asks for; empty when it is not valid. NEVER stands alone (RFC 3461 §4.1)."""
    words = value.upper().split(",")
    if any(word not in _NOTIFICATIONS for word in words) or len(set(words)) < len(words):
        return ()
    if Notify.NEVER in words and len(words) > 1:
        return ()
    return tuple(Notify(word) for word in words)


def _is_original(value: str, xtext: re.Pattern[str]) -> bool:
    kind, semicolon, address = value.partition(";")
    return (
        len(value) <= _LONGEST_ORIGINAL
        and bool(semicolon)
        and _ADDRESS_TYPE.fullmatch(kind) is not None
        and xtext.fullmatch(address) is not None
    )
