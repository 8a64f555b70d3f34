"""What can be asked of the queue: which mail is meant, and which page of it."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from gateway.operations.queue import LARGEST_PAGE, Wanted

MOST_STARS = 5
"""Each further `*` of a mask makes the longest search for it longer by a factor of the address's length."""

MOST_MASKS = 20


def _bounded(mask: str) -> str:
    if mask.count("*") > MOST_STARS:
        raise ValueError(f"at most {MOST_STARS} asterisks")
    return mask


State = Literal["WFC", "CHK", "WFS", "SPL", "QUE", "SND", "parked"]

Masks = Annotated[
    list[Annotated[str, Field(max_length=320), AfterValidator(_bounded)]], Field(max_length=MOST_MASKS)
]


class Filter(BaseModel):
    """Which mail is meant. A parameter that is not known is refused: a slip must not mean all mail."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[list[State], Field(max_length=len(get_args(State)))] = []
    sender: Masks = []
    recipient: Masks = []
    destination: Masks = []
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def wanted(self) -> Wanted:
        """The same in the words of the operations."""
        return Wanted(
            states=frozenset(self.state),
            senders=tuple(self.sender),
            recipients=tuple(self.recipient),
            destinations=tuple(self.destination),
            since=self.since,
            until=self.until,
        )


class PageOfQueue(Filter):
    """Some of the mail that is meant."""

    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 100
    cursor: Annotated[str, Field(max_length=256)] = ""
