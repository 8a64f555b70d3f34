"""A message as the checks and the marking see it: values alone, whatever they were read from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from gateway.domain.headers import Field, fields, header_end, named, text_value

MOST_SUBJECTS = 16
"""Fields that are read as the Subject: one is the rule."""

LONGEST_SUBJECT = 4096
"""Characters of a Subject that are read."""


class Source(StrEnum):
    """Where a link was found."""

    HTML = "html"  # an anchor
    FORM = "form"  # where a form sends what is typed into it
    TEXT = "text"  # written out as words
    IMAGE = "image"  # a picture that is fetched when the message is shown
    QR = "qr"  # the code in a picture
    ATTACHMENT = "attachment"


class Link(NamedTuple):
    """An address that the message would have a person visit."""

    url: str  # entities undone, without white space, cut at 2,048 characters
    host: str  # lower case, A-labels, without a final dot; an IP address in its plain form; "" if none
    domain: str  # what was registered of the host, by the public suffix list; the host if it is an address
    source: Source
    text: str = ""  # what a person reads in its place
    hidden: bool = False  # nobody sees it
    via: str = ""  # host of the address that this one stands in, as a redirector has it


@dataclass(frozen=True, slots=True)
class Disguise:
    """A way in which words were made unreadable for programs, and what it hid."""

    kind: str  # "zero-width", "look-alikes", "spaced-out", "entities", "split by tags", ...
    count: int
    example: str  # the word as it was meant


@dataclass(frozen=True, slots=True)
class Markup:
    """What the HTML of a message is made of."""

    size: int = 0  # characters
    tags: int = 0
    images: int = 0
    remote_images: int = 0
    tracking_pixels: int = 0
    forms: int = 0
    password_fields: int = 0
    scripts: int = 0
    frames: int = 0
    comments: int = 0  # characters in comments
    hidden: int = 0  # characters of text that nobody sees
    preheader: int = 0  # of them, those before all text that is seen: lists of messages show them
    tables: int = 0
    refresh: bool = False  # leads elsewhere by itself


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is no text to be shown."""

    name: str
    content_type: str  # as declared
    kind: str  # MIME type that its bytes tell, "" when they tell none
    size: int  # bytes, decoded
    text: str = ""  # what a person would read in it, where we can
    trouble: str = ""  # why it could not be read
    markup: Markup | None = None  # of HTML
    width: int = 0  # pixels of a picture, 0 when it was not looked at
    height: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """The header block of a message, its fields by their place, and what a person reads of it."""

    head: bytes = b""
    fields: tuple[Field, ...] = ()
    subject_fields: tuple[Field, ...] = ()  # who sends several hopes that we read another than the recipient
    subjects: tuple[str, ...] = ()  # their text

    text: str = ""  # what a person sees of the body, in the order they see it
    hidden: str = ""  # text that is there and that nobody sees
    plain: str = ""  # what stands in text/plain alone, "" if there is none
    words: str = (
        ""  # Subjects, text and attachments, case-folded and out of disguise: for terms and statistics
    )
    links: tuple[Link, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    markup: Markup | None = None  # None: no HTML
    disguises: tuple[Disguise, ...] = ()
    parts: tuple[str, ...] = ()  # declared types of all parts, in their order
    charsets: tuple[str, ...] = ()  # declared and used, lower case
    undeclared: bool = False  # there is HTML whose charset its header does not tell
    needless_base64: bool = False  # a text of ASCII alone is encoded by base64
    size: int = 0  # bytes of the whole message
    troubles: tuple[str, ...] = ()  # what could not be read, and why


def read_message(start: bytes) -> Message:
    """The message that begins with these bytes, its header block among them."""
    head = start[: header_end(start)]
    found = fields(head)
    subjects = tuple(islice(named(found, "Subject"), MOST_SUBJECTS))
    return Message(
        head, found, subjects, tuple(text_value(head, field)[:LONGEST_SUBJECT] for field in subjects)
    )
