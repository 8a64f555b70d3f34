"""The arguments of HELO, MAIL and RCPT as values (RFC 5321 §4.1.2, RFC 3461 §4, RFC 1870, RFC 6152)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.domain.mail import Notify, Recipient, Return
from services.receiver import replies
from services.receiver.replies import Reply

LONGEST_LOCAL_PART = 64
LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3: 256 with the angle brackets

# Dots may stand anywhere in a local part: real addresses of some providers have them at its end.
_LOCAL_PART = r"""[\w.!#$%&'*+/=?^`{|}~-]+|"(?:[ !#-\[\]-~]|\\[ -~])*\""""
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_LITERAL = r"\[(?:\d{1,3}(?:\.\d{1,3}){3}|IPv6:[0-9a-f:.]+)\]"
_ADDRESS = re.compile(rf"({_LOCAL_PART})@({_LABEL}(?:\.{_LABEL})*|{_LITERAL})", re.ASCII | re.IGNORECASE)
_LOCAL_PART_ALONE = re.compile(_LOCAL_PART, re.ASCII)

# A quoted local part may hold ">" and spaces, so the path ends at the first ">" outside quotes.
_PATH = re.compile(r'\s*<((?:[^<>"]|"(?:[^"\\]|\\.)*")*)>(?:\s+(.*))?', re.DOTALL)
_SOURCE_ROUTE = re.compile(r"@[^,:]+(?:,@[^,:]+)*:")

_HOST_NAME = re.compile(r"[!-~]{1,255}")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")  # RFC 3461 §4
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]+")
_NUMBER = re.compile(r"[0-9]{1,20}")
_NOTIFICATIONS = frozenset(Notify)
_RETURNS = frozenset(Return)
_LONGEST_ENVELOPE_ID = 100  # RFC 3461 §4.4
_LONGEST_ORIGINAL = 500  # RFC 3461 §4.2


@dataclass(frozen=True, slots=True)
class Sender:
    """What MAIL FROM said."""

    address: str  # "" is the null sender
    size: int = 0  # bytes announced, 0 when none were
    eight_bit: bool = False
    returns: Return | None = None
    envelope_id: str = ""


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
    if not path.isascii():
        return replies.ADDRESS_NOT_ASCII
    if path and "@" not in path and _LOCAL_PART_ALONE.fullmatch(path):
        return replies.SENDER_NEEDS_DOMAIN
    if path and not _is_address(path):
        return replies.BAD_SENDER

    parameters = _parse_parameters(rest, extended=extended)
    return parameters if isinstance(parameters, Reply) else _with_mail_parameters(Sender(path), parameters)


def parse_recipient(argument: str, postmaster: str, *, extended: bool) -> Recipient | Reply:
    """The argument of RCPT. `<postmaster>` alone means `postmaster` (RFC 5321 §4.5.1)."""
    split = _split(argument, "TO:")
    if split is None:
        return replies.RCPT_SYNTAX
    path, rest = split
    if not path.isascii():
        return replies.ADDRESS_NOT_ASCII
    if path.lower() == "postmaster":
        path = postmaster
    if "@" not in path and _LOCAL_PART_ALONE.fullmatch(path):
        return replies.RECIPIENT_NEEDS_DOMAIN
    if not _is_address(path):
        return replies.BAD_RECIPIENT

    parameters = _parse_parameters(rest, extended=extended)
    return parameters if isinstance(parameters, Reply) else _with_rcpt_parameters(Recipient(path), parameters)


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


def _is_address(path: str) -> bool:
    if len(path) > LONGEST_ADDRESS:
        return False
    found = _ADDRESS.fullmatch(path)
    return found is not None and len(found[1]) <= LONGEST_LOCAL_PART


def _parse_parameters(text: str, *, extended: bool) -> Mapping[str, str] | Reply:
    """Parameters by their names in upper case; values as given. A parameter without a value has ""."""
    parameters: dict[str, str] = {}
    for parameter in text.split():
        name, _, value = parameter.partition("=")
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
            case "SIZE" | "BODY" | "RET" | "ENVID":
                return replies.BAD_PARAMETER
            case _:
                return replies.UNKNOWN_PARAMETER
    return sender


def _with_rcpt_parameters(recipient: Recipient, parameters: Mapping[str, str]) -> Recipient | Reply:
    for name, value in parameters.items():
        match name:
            case "NOTIFY" if notify := _notify(value):
                recipient = replace(recipient, notify=notify)
            case "ORCPT" if _is_original(value):
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


def _is_original(value: str) -> bool:
    kind, semicolon, address = value.partition(";")
    return (
        len(value) <= _LONGEST_ORIGINAL
        and bool(semicolon)
        and _ADDRESS_TYPE.fullmatch(kind) is not None
        and _XTEXT.fullmatch(address) is not None
    )
