"""Mail and commands as bytes: a version byte, then MessagePack with fields by name.

Fields by name let processes of two versions share a bus: one that is unknown is skipped, one that is
missing takes its default. Only a change that such a reader would misunderstand raises the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

import msgspec

from gateway.domain.commands import Command
from gateway.domain.errors import TemporaryFailure
from gateway.domain.explanation import Explanation
from gateway.domain.mail import Mail

VERSION = b"\x01"

LONGEST_REASON = 2000
"""Characters that are kept of why a mail was parked."""


class Undecodable(Exception):
    """These bytes are nothing that this version of the gateway can read."""


class UndecodableMail(Undecodable):
    """These bytes are no mail that this version of the gateway can read."""


class UndecodableCommand(Undecodable):
    """These bytes are no command that this version of the gateway can read."""


def encode(mail: Mail) -> bytes:
    """`mail` as it lies on the bus."""
    return VERSION + _encoder.encode(mail)


def decode(content: bytes) -> Mail:
    """The mail that `content` holds. Raises `UndecodableMail`."""
    try:
        return _mails.decode(_payload(content))
    except _BAD_CONTENT as error:
        raise UndecodableMail(str(error)) from error


def encode_command(command: Command) -> bytes:
    """`command` as it goes to all processes."""
    return VERSION + _encoder.encode((type(command).__name__, command))


def decode_command(content: bytes) -> Command:
    """The command that `content` holds. Raises `UndecodableCommand`."""
    try:
        name, fields = _named.decode(_payload(content))
        if name not in _COMMANDS:
            raise UndecodableCommand(f"command {name!r} is not known")
        return _COMMANDS[name].decode(fields)
    except _BAD_CONTENT as error:
        raise UndecodableCommand(str(error)) from error


def encode_reply(told: Explanation | str) -> bytes:
    """What a stage answers to a question: an explanation, or why there is none."""
    return VERSION + _encoder.encode((told, "") if isinstance(told, Explanation) else (None, told))


def decode_reply(content: bytes) -> Explanation:
    """The explanation that `content` holds. Raises `TemporaryFailure` when there is none."""
    try:
        explanation, trouble = _replies.decode(_payload(content))
    except _BAD_CONTENT as error:
        raise TemporaryFailure(f"the answer cannot be read: {error}") from error
    if explanation is None:
        raise TemporaryFailure(trouble)
    return explanation


def storable(reason: str) -> str:
    """`reason` as text that every product can keep: of bounded length, and Unicode throughout."""
    return reason[:LONGEST_REASON].encode("utf-8", "replace").decode("utf-8")


_encoder = msgspec.msgpack.Encoder()
_mails = msgspec.msgpack.Decoder(Mail)
_replies = msgspec.msgpack.Decoder(tuple[Explanation | None, str])
_named = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw])
_COMMANDS: Mapping[str, msgspec.msgpack.Decoder[Command]] = MappingProxyType(
    {kind.__name__: msgspec.msgpack.Decoder(kind) for kind in get_args(Command)}
)

# Text that is no UTF-8 and skipped fields nested too deep are no msgspec errors.
_BAD_CONTENT = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def _payload(content: bytes) -> memoryview:
    if content[:1] != VERSION:
        raise msgspec.DecodeError(f"version {content[:1].hex() or 'none'} is not known")
    return memoryview(content)[1:]
