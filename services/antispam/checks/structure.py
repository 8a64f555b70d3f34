"""Signs in how the message is built: its parts, their types, its HTML, its attachments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.domain.journey import Finding
from services.antispam.message import Source
from services.antispam.view import FEW_LETTERS, MOST_LETTERS, View

_PAGE = re.compile(r"\.(?:s?html?|xhtml|mht(?:ml)?|htm)$", re.IGNORECASE)
_DOUBLE = re.compile(
    r"\.(?:pdf|docx?|xlsx?|jpe?g|png|txt|zip)\s*\.(?:html?|exe|scr|js|vbs|zip|iso|img|lnk|pdf)$",
    re.IGNORECASE,
)
_ARCHIVE = re.compile(r"\.(?:zip|rar|7z|gz|iso|img|ace|arj|cab|tgz)$", re.IGNORECASE)
_PASSWORD = re.compile(
    r"(?:password|passwort|contrase|senha|mot de passe|пароль|密码)\s*(?:is|:|=|ist)", re.IGNORECASE
)
_BOUNDARY = re.compile(r"boundary\s*=\s*\"?([^\";\r\n]{1,100})", re.IGNORECASE)
_ODD_BOUNDARY = re.compile(
    r"--==_?[A-Z]{5,}$|=_[A-Z]{16,}$|\d{20,}$|[A-Z]{15,}$|--[A-Z0-9]{12,}--?$|-{6,}0\d{17,}"
)
_ONCE = (
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "sender",
    "cc",
    "mime-version",
    "content-type",
)
_NOT_SEEN = re.compile(
    r"(?:can(?:'|’|no)t|unable to) (?:see|view|read)|(?:trouble|problems?) (?:seeing|viewing|reading)"
    r"|(?:image|picture)s? (?:is|are) (?:not shown|blocked)"
    r"|nicht (?:richtig |korrekt )?(?:angezeigt|dargestellt)|niet (?:goed )?(?:zichtbaar|weergegeven)"
    r"|ne s.affiche|ne (?:voyez|visualisez)|no (?:puede|puedes) (?:ver|visualizar)"
    r"|n[ãa]o (?:consegue|consiga|esteja) (?:ver|vendo|visualiza)|non (?:visualizzi|riesci a)"
    r"|nie widzisz|не (?:видите|отображается)|无法(?:显示|查看|浏览)|無法(?:顯示|查看)|表示されない",
    re.IGNORECASE,
)
_DOCUMENT = re.compile(r"\.(?:pdf|docx?|xlsx?|pptx?|rtf|ods|odt)$", re.IGNORECASE)

_OF_OTHER_LETTERS = re.compile(
    r"big5|euc-.*|gb.*|iso-2022-.*|iso-8859-[5-8]|koi8-.*|ks_c.*|shift_jis|windows-125[1356]"
)
"""Charsets that are of use for letters that are not Latin."""

_PAGES = frozenset({"text/html", "application/xhtml+xml"})

LONGEST_LOOK = 4000
"""Characters of the text that are looked at."""

MUCH_HIDDEN = 400
"""Characters: the line that a mailbox shows beside the Subject is shorter."""


def structure(view: View) -> Iterator[Finding]:
    """Findings about parts, HTML and attachments."""
    yield from _fields(view)
    yield from _parts(view)
    yield from _amount(view)
    yield from _encodings(view)
    yield from _markup(view)
    yield from _attachments(view)
    yield from _disguises(view)


def _fields(view: View) -> Iterator[Finding]:
    pressed = {view.value(name).strip().lower() for name in ("importance", "x-msmail-priority")}
    if view.value("x-priority").lstrip()[:1] in {"1", "2"} or "high" in pressed:
        yield Finding("header.priority", "it says of itself that it is important")
    for name in _ONCE:
        if view.count(name) > 1:
            yield Finding("header.repeated", f"{name.title()} is there {view.count(name)} times")
            break
    types = view.value("content-type").lower()
    if (
        view.has("content-type")
        and not view.has("mime-version")
        and types.startswith(("multipart", "text/html"))
    ):
        yield Finding("header.no_mime_version", "it is built of parts, but has no MIME-Version")
    found = _BOUNDARY.search(view.value("content-type"))
    if found and _ODD_BOUNDARY.search(found[1]):
        yield Finding(
            "structure.boundary", f"the boundary is of a kind that bulk mailers make: {found[1][:40]!r}"
        )
    if any(value and not value.isascii() and b"=?" not in view.raw(name) for name, value in _written(view)):
        yield Finding("header.eight_bits", "From or Subject hold bytes beyond ASCII that no encoding names")


def _written(view: View) -> Iterator[tuple[str, str]]:
    if not (view.raw("subject") + view.raw("from")).isascii():
        for name in ("subject", "from"):
            raw = view.raw(name)
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError:
                yield name, raw.decode("latin-1")


def _parts(view: View) -> Iterator[Finding]:
    message = view.message
    parts = message.parts
    if parts == ("text/html",):
        yield Finding("structure.html_only", "it is HTML alone")
    elif "multipart/alternative" in parts and parts.count("text/html") and not parts.count("text/plain"):
        yield Finding("structure.one_alternative", "it offers a choice of forms, and has but one")
    if message.markup is None and re.match(
        r"\s*<(?:!doctype|html|head|body|div|table|p>)", message.text[:200], re.IGNORECASE
    ):
        yield Finding("structure.html_as_text", "HTML is declared as plain text")


def _amount(view: View) -> Iterator[Finding]:
    """Findings about messages that say little."""
    message, letters = view.message, view.letters
    pictures = sum(part.startswith("image/") for part in message.parts)
    shown = message.markup.images if message.markup else 0
    if view.says_little and (pictures or shown):
        yield Finding(
            "structure.pictures_only", f"it is of pictures: {pictures or shown}, and {letters} letters"
        )
    elif view.says_little and view.visited and not view.replies:
        yield Finding("structure.link_only", f"it is a link and {letters} letters")
    elif not letters and not message.attachments:
        yield Finding("structure.empty", "there is nothing to read")
    if shown and letters < MOST_LETTERS and _NOT_SEEN.search(message.text):
        reason = "what it says is a picture: the text is for those who see none"
        yield Finding("structure.picture_told", reason)


def _encodings(view: View) -> Iterator[Finding]:
    """Findings about charsets and encodings that make no sense."""
    message = view.message
    if message.needless_base64:
        yield Finding(
            "structure.needless_base64", "a text of plain Latin letters is encoded as if it had others"
        )
    if message.undeclared:
        yield Finding("html.no_charset", "nothing says by which charset the HTML is to be read")
    plain = message.text.isascii() and view.subject.isascii() and view.letters
    odd = next(filter(_OF_OTHER_LETTERS.fullmatch, message.charsets), "")
    if plain and odd and not (view.discussion or view.replies):
        reason = f"a text of plain Latin letters is declared as {odd}"
        yield Finding("structure.foreign_charset", reason)


def _markup(view: View) -> Iterator[Finding]:
    markup = view.message.markup
    if markup is None:
        return
    if markup.forms and markup.password_fields:
        yield Finding("html.asks_password", "a form asks for a password")
    elif markup.forms:
        yield Finding("html.form", "there is a form to be filled in")
    if markup.scripts:
        yield Finding("html.script", "there is a script in it")
    if markup.frames:
        yield Finding("html.frame", "another page is framed in it")
    if markup.refresh:
        yield Finding("html.refresh", "it leads elsewhere by itself")
    seen = len(view.message.text)
    if len(view.message.hidden) > MUCH_HIDDEN and len(view.message.hidden) > seen:
        yield Finding("html.hidden", f"{len(view.message.hidden)} characters are hidden, {seen} shown")
    if markup.comments > 2000 and markup.comments > 3 * seen:
        yield Finding("html.comments", f"{markup.comments} characters stand in comments, {seen} are shown")
    hosts = {link.domain for link in view.message.links if link.source is Source.IMAGE and link.domain}
    if hosts and not any(host in view.senders or view.is_own(host) for host in hosts) and not view.replies:
        yield Finding(
            "html.pictures_elsewhere", f"all pictures come from others: {', '.join(sorted(hosts)[:3])}"
        )


def _attachments(view: View) -> Iterator[Finding]:
    attached = view.message.attachments
    text = view.message.text[:LONGEST_LOOK]
    for attachment in attached:
        if _PAGE.search(attachment.name) or attachment.content_type in _PAGES:
            yield Finding("attachment.page", f"a page is attached: {attachment.name[:60]!r}")
            break
    if any(_DOUBLE.search(each.name) for each in attached):
        yield Finding("attachment.double_name", "an attachment has a name of two types")
    if any(_ARCHIVE.search(each.name) for each in attached) and _PASSWORD.search(text):
        yield Finding("attachment.password", "an archive is attached, and its password is told")
    if (
        any(_DOCUMENT.search(each.name) for each in attached)
        and view.letters < 2 * FEW_LETTERS
        and not view.replies
    ):
        yield Finding(
            "attachment.instead_of_text", f"a document is attached, and the text has {view.letters} letters"
        )


def _disguises(view: View) -> Iterator[Finding]:
    for disguise in view.message.disguises:
        name = _DISGUISES.get(disguise.kind, "other")
        reason = f"words are made unreadable for programs ({disguise.kind}, {disguise.count} times)"
        yield Finding(f"disguise.{name}", f"{reason}: {disguise.example[:40]!r}")


_DISGUISES = {
    "zero-width": "invisible",
    "look-alikes": "look_alikes",
    "spaced-out": "spaced_out",
    "entities": "entities",
    "split by tags": "split",
}
