"""MIME by hand: parts, encodings and charsets as the programs of senders write them."""

from __future__ import annotations

import base64
import io
import quopri
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

LEGACY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "de": ("iso-8859-1", "iso-8859-15", "windows-1252"),
        "fr": ("iso-8859-1", "windows-1252"),
        "es": ("iso-8859-1", "windows-1252"),
        "it": ("iso-8859-1",),
        "pt": ("iso-8859-1",),
        "nl": ("windows-1252",),
        "sv": ("iso-8859-1",),
        "en": ("us-ascii", "iso-8859-1", "windows-1252"),
        "pl": ("iso-8859-2", "windows-1250"),
        "cs": ("iso-8859-2", "windows-1250"),
        "tr": ("iso-8859-9",),
        "ru": ("koi8-r", "windows-1251"),
        "uk": ("koi8-u", "windows-1251"),
        "el": ("iso-8859-7",),
        "he": ("windows-1255",),
        "ar": ("windows-1256",),
        "zh": ("gb2312", "gbk", "gb18030"),
        "zh-hant": ("big5",),
        "ja": ("iso-2022-jp", "shift_jis"),
        "ko": ("euc-kr",),
    }
)
"""Charsets that are older than UTF-8 and still met, by language."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a message holds: its text in one form or two, and files."""

    plain: str = ""
    html: str = ""
    attachments: tuple[tuple[str, str, bytes], ...] = ()  # name, type, bytes


def message(
    head: Sequence[tuple[str, str]], content: Content, language: str, crude: bool, random: Random
) -> bytes:
    """The message with CRLF."""
    entity_head, entity = _alternatives(content, language, crude, random)
    if content.attachments:
        parts = [
            _joined(entity_head, entity),
            *(_file(*attachment) for attachment in content.attachments),
        ]
        entity_head, entity = _multipart("mixed", parts, random)
    lines = [f"{name}: {value}" for name, value in [*head, ("MIME-Version", "1.0"), *entity_head]]
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + entity


def encoded(text: str) -> str:
    """A text for a header field: encoded words (RFC 2047) where it is not ASCII."""
    if text.isascii():
        return text
    words, piece = [], ""
    for letter in text:
        if len((piece + letter).encode("utf-8")) > 42:
            words.append(piece)
            piece = ""
        piece += letter
    words.append(piece)
    return "\r\n ".join(
        f"=?UTF-8?B?{base64.b64encode(word.encode('utf-8')).decode('ascii')}?=" for word in words
    )


def person(words: Mapping[str, tuple[str, ...]], language: str, random: Random) -> str:
    """A name as people of the language write theirs."""
    first = random.choice(words["first"])
    if language in ("zh", "zh-hant", "ja", "ko"):
        return first
    return f"{first} {random.choice(words['last'])}"


RECIPIENTS = ("rivertown", "northgate", "lindenhof", "blueharbor")
"""Who gets composed mail: the first labels of their domains."""


def mailbox_of(random: Random) -> str:
    """The recipient's address."""
    name = random.choice(
        (
            "m.keller",
            "anna",
            "jk",
            "office",
            "p.novak",
            "sales",
            "tanaka",
            "info",
            "lee.chen",
            "o.petrov",
            "marta.s",
        )
    )
    return f"{name}@{random.choice(RECIPIENTS)}.example"


def document(words: str) -> bytes:
    """A PDF of one page with these words in it; letters beyond Latin-1 are question marks."""
    shown = words.replace("\\", "").replace("(", "").replace(")", "").encode("latin-1", "replace")
    stream = b"BT /F1 11 Tf 50 780 Td (" + shown + b") Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n" % len(stream) + stream + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, written in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj" % number + written + b"endobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        out
        + b"xref\n0 6\n0000000000 65535 f \n"
        + table
        + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    )


def archive(name: str, content: bytes) -> bytes:
    """A ZIP archive of one file."""
    sheet = io.BytesIO()
    with zipfile.ZipFile(sheet, "w") as writer:
        writer.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content)
    return sheet.getvalue()


def _alternatives(
    content: Content, language: str, crude: bool, random: Random
) -> tuple[list[tuple[str, str]], bytes]:
    forms = [(kind, text) for kind, text in (("plain", content.plain), ("html", content.html)) if text]
    charset = "utf-8"
    if random.random() < 0.12:
        charset = random.choice(LEGACY.get(language, ("utf-8",)))
    parts = [_text(kind, text, charset, crude, random) for kind, text in forms]
    if len(parts) == 1:
        return parts[0]
    return _multipart("alternative", [_joined(*part) for part in parts], random)


def _text(
    kind: str, text: str, charset: str, crude: bool, random: Random
) -> tuple[list[tuple[str, str]], bytes]:
    try:
        raw = text.encode(charset)
    except UnicodeEncodeError:
        charset, raw = "utf-8", text.encode("utf-8")
    declared = random.choice((charset, charset.upper(), f'"{charset}"'))
    head = [("Content-Type", f"text/{kind}; charset={declared}")]
    raw = raw.replace(b"\n", b"\r\n")
    longest = max(map(len, raw.split(b"\r\n")))
    chance = random.random()
    if charset == "iso-2022-jp" and longest < 990:
        return [*head, ("Content-Transfer-Encoding", "7bit")], raw
    if chance < 0.3 and raw.isascii() and longest < 990:
        return [*head, ("Content-Transfer-Encoding", "7bit")] if not crude else head, raw
    if chance < 0.35 and longest < 990:
        return [*head, ("Content-Transfer-Encoding", "8bit")], raw
    if (chance < 0.7 and raw.isascii()) or chance < 0.5:
        soft = quopri.encodestring(raw.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        return [*head, ("Content-Transfer-Encoding", "quoted-printable")], soft
    return [*head, ("Content-Transfer-Encoding", "base64")], base64.encodebytes(raw).replace(b"\n", b"\r\n")


def _file(name: str, kind: str, content: bytes) -> bytes:
    shown = encoded(name).replace("\r\n ", "")
    head = [
        ("Content-Type", f'{kind}; name="{shown}"'),
        ("Content-Disposition", f'attachment; filename="{shown}"'),
        ("Content-Transfer-Encoding", "base64"),
    ]
    return _joined(head, base64.encodebytes(content).replace(b"\n", b"\r\n"))


def _multipart(kind: str, parts: Sequence[bytes], random: Random) -> tuple[list[tuple[str, str]], bytes]:
    boundary = random.choice(
        (
            f"----=_Part_{random.randrange(10**6)}_{random.randrange(10**9)}",
            f"000000000000{random.getrandbits(48):012x}",
            f"_{random.getrandbits(60):x}_",
            f"b1_{random.getrandbits(100):x}",
        )
    )
    middle = f"\r\n--{boundary}\r\n".encode("ascii").join(parts)
    whole = f"--{boundary}\r\n".encode("ascii") + middle + f"\r\n--{boundary}--\r\n".encode("ascii")
    return [("Content-Type", f'multipart/{kind}; boundary="{boundary}"')], whole


def _joined(head: Sequence[tuple[str, str]], entity: bytes) -> bytes:
    return "\r\n".join(f"{name}: {value}" for name, value in head).encode("utf-8") + b"\r\n\r\n" + entity
