"""What can be said in a query: which mail is meant, which page of it, and whether it is in earnest."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from gateway.domain.journey import Ending
from gateway.domain.storage import StoredStatus
from gateway.operations.queue import LARGEST_PAGE, Wanted
from gateway.records.entries import EntryFilter
from gateway.records.history import Sought
from gateway.records.port import PARKED

MOST_STARS = 5
"""Each further `*` of a mask makes the longest search for it longer by a factor of the address's length."""

MOST_MASKS = 20
MOST_IDS = 500


def printable(text: str) -> str:
    """`text`, unless there are control characters in it: a `ValueError`."""
    if not text.isprintable():
        raise ValueError("control characters")
    return text


def _bounded(mask: str) -> str:
    if mask.count("*") > MOST_STARS:
        raise ValueError(f"at most {MOST_STARS} asterisks")
    return printable(mask)


State = Literal["WFC", "CHK", "WFS", "SPL", "QUE", "SND", "parked"]
Fate = Literal[
    "WFC", "CHK", "WFS", "SPL", "QUE", "SND", "parked", "delivered", "blocked", "bounced", "removed"
]
if set(get_args(Fate)) != {*get_args(State), *Ending} or PARKED not in get_args(State):
    raise AssertionError("the states of mail are told apart in two ways")

Text = Annotated[str, Field(max_length=998), AfterValidator(printable)]
Mask = Annotated[str, Field(max_length=320), AfterValidator(_bounded)]
Masks = Annotated[list[Mask], Field(max_length=MOST_MASKS)]

Cursor = Annotated[
    str, Field(max_length=256, description="`next` of the page before; the first page needs none.")
]
Limit = Annotated[int, Field(ge=1, le=LARGEST_PAGE, description="Most that are told.")]
DRY_RUN = "Tell what would be changed, and change nothing."
DryRun = Annotated[bool, Query(description=DRY_RUN)]

MailId = Annotated[
    str, Path(max_length=64, pattern="^[0-9A-Za-z]*$", description="As logs and listings show it.")
]
ParkedId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
StorageId = Annotated[str, Path(pattern="^[0-9a-f]{12}$", description="As the list of storages tells it.")]


class Strict(BaseModel):
    """A parameter that is not known is refused: a slip must not mean all mail."""

    model_config = ConfigDict(extra="forbid")


class Page(Strict):
    """Some of a listing."""

    limit: Limit = 100
    cursor: Cursor = ""


class Filter(Strict):
    """Which mail of the queue is meant. Masks know `*` and `?`; of several one must match."""

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


class PageOfQueue(Filter, Page):
    """Some of the mail that is meant."""


class OrderForQueue(Filter):
    """Mail that something is to be done with."""

    dry_run: Annotated[bool, Field(description=DRY_RUN)] = False


class PageOfMessages(Page):
    """Which mail is looked for, on its way or not. Masks know `*` and `?`; of several one must match."""

    sender: Masks = []
    recipient: Masks = []
    subject: Annotated[Masks, Field(description="Of the first 200 characters; `*word*` finds a word.")] = []
    client_ip: Masks = []
    message_id: Annotated[Text, Field(description="The Message-ID, with or without its brackets.")] = ""
    state: Annotated[list[Fate], Field(max_length=len(get_args(Fate)))] = []
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def sought(self) -> Sought:
        """The same in the words of the records."""
        return Sought(
            senders=tuple(self.sender),
            recipients=tuple(self.recipient),
            subjects=tuple(self.subject),
            client_ips=tuple(self.client_ip),
            states=frozenset(self.state),
            message_id=self.message_id,
            since=self.since,
            until=self.until,
        )


class PageOfEntries(Page):
    """Which entries of a storage are meant."""

    status: Annotated[list[StoredStatus], Field(max_length=len(StoredStatus))] = []
    sender: Mask = ""
    recipient: Mask = ""
    since: AwareDatetime | None = None
    before: AwareDatetime | None = None
    newest_first: bool = False

    def wanted(self) -> EntryFilter:
        """The same in the words of the records."""
        return EntryFilter(
            statuses=tuple(self.status),
            sender=self.sender,
            recipient=self.recipient,
            since=self.since,
            before=self.before,
        )


EntryIds = Annotated[
    list[Annotated[str, Field(pattern="^[0-9A-Za-z]{1,64}$")]],
    Field(max_length=MOST_IDS, description="These entries; none: see `everything`."),
]


class OrderForEntries(Strict):
    """Entries that something is to be done with."""

    id: EntryIds = []
    everything: Annotated[bool, Field(description="All of the storage, as no `id` is given.")] = False
    dry_run: Annotated[bool, Field(description=DRY_RUN)] = False


class ReleaseOfEntries(OrderForEntries):
    """Entries that are to be sent to their recipients."""

    checked: Annotated[bool, Field(description="Scan and filter again first.")] = True
    again: Annotated[bool, Field(description="Also send what was sent from here before.")] = False
