"""What an operator tells all processes of the gateway at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suspend:
    """A module stops its work; `module` is a `Module`."""

    module: str


@dataclass(frozen=True, slots=True)
class Resume:
    """A suspended module goes on."""

    module: str


@dataclass(frozen=True, slots=True)
class Remove:
    """These mails are dropped where they are met before the sender, which asks the records itself."""

    mail_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Hosts that could not be reached are tried again from now on: an operator has mail sent early."""


@dataclass(frozen=True, slots=True)
class ReloadBases:
    """Every process reads the databases in use anew, also when they are those that it has."""


@dataclass(frozen=True, slots=True)
class Reload:
    """Every process ends, and is started again with the configuration as it is then."""


Command = Suspend | Resume | Remove | TryAgain | ReloadBases | Reload
