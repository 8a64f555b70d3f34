from __future__ import annotations

import io
import time
import zipfile

import pytest
from PIL import Image

from services.antispam.message import Attachment, Link, Source
from services.antispam.reading import attachments, office
from services.antispam.reading.documents import Document
from services.antispam.reading.reading import read_whole, survey
from services.antispam.reading.timelimit import TookTooLong, within
from tests.support.attached import (
    a_docx,
    a_pdf,
    a_pptx,
    a_qr,
    a_word,
    an_odt,
    an_rtf,
    an_xlsx,
    attached,
)

LINK = "https://target.example/x"


def endless(*_: object) -> Document:
    while True:
        time.monotonic()


def read(content: bytes, name: str = "") -> tuple[Attachment, tuple[Link, ...]]:
    message = read_whole(attached(content, name))
    [attachment] = message.attachments
    if attachment.text:
        assert attachment.text.casefold() in message.words
    return attachment, message.links


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (a_word("Dear friend\nпривет"), "application/msword", "Dear friend\nпривет"),
        (a_docx("Dear & friend\nпривет"), None, "Dear & friend\nпривет"),
        (an_xlsx("one", "two"), None, "one\ntwo"),
        (a_pptx("on a slide"), None, "on a slide"),
        (an_odt("open words"), "application/vnd.oasis.opendocument.text", "open words"),
        (an_rtf("Dear друг"), "text/rtf", "Dear друг"),
        (a_pdf("Dear friend of ours"), "application/pdf", "Dear friend of ours"),
        (b"<html><p>Dear <b>friend</b></p></html>", "text/html", "Dear friend"),
        (b"Subject: hi\r\nMIME-Version: 1.0\r\n\r\nDear friend\r\n", "message/rfc822", "Dear friend"),
        (b"<svg><text>in a drawing</text></svg>", "image/svg+xml", "in a drawing"),
    ],
    ids=["word", "docx", "xlsx", "pptx", "odt", "rtf", "pdf", "html", "message", "svg"],
)
def test_the_text_of_a_file_is_read_by_its_kind_whatever_it_is_called(
    content: bytes, kind: str | None, text: str
) -> None:
    attachment, _ = read(content, "holiday.bin")

    assert attachment.text == text
    assert kind is None or attachment.kind == kind
    assert attachment.trouble == ""


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (a_docx("x", LINK), ""),
        (an_rtf("x", LINK), ""),
        (a_pdf("x", LINK), ""),
        (f"<html><a href='{LINK}'>x</a></html>".encode(), ""),
        (f"words {LINK} words".encode(), "note.txt"),
        (f"MIME-Version: 1.0\r\n\r\nsee {LINK}\r\n".encode(), ""),
    ],
    ids=["docx", "rtf", "pdf", "html", "text", "message"],
)
def test_links_in_files_are_links_of_the_message(content: bytes, name: str) -> None:
    _, links = read(content, name)

    assert [(link.url, link.source) for link in links] == [(LINK, Source.ATTACHMENT)]


def test_names_in_a_program_are_no_links() -> None:
    _, links = read(b"import os\nos.run()\nmenu.to = backup.sh; site.example.com\n", "menu.js")

    assert links == ()


@pytest.mark.parametrize(("form", "angle"), [("PNG", 0), ("JPEG", 0), ("GIF", 0), ("PNG", 30), ("WEBP", 90)])
def test_the_code_in_a_picture_is_a_link(form: str, angle: int) -> None:
    attachment, links = read(a_qr(LINK, form, angle=angle))

    assert [(link.url, link.source) for link in links] == [(LINK, Source.QR)]
    assert (attachment.width, attachment.height) == (500, 400)


def test_a_code_on_a_transparent_ground_is_read() -> None:
    grey = Image.open(io.BytesIO(a_qr(LINK)))
    picture = Image.new("RGBA", grey.size, (0, 0, 0, 0))
    picture.putalpha(grey.point(lambda shade: 255 - shade))
    file = io.BytesIO()
    picture.save(file, "PNG")

    assert [link.url for link in read(file.getvalue())[1]] == [LINK]


def test_a_picture_of_too_many_pixels_is_only_measured() -> None:
    file = io.BytesIO()
    Image.new("1", (9000, 9000)).save(file, "PNG")

    attachment, _ = read(file.getvalue())

    assert (attachment.width, attachment.height) == (9000, 9000)
    assert attachment.trouble == "it has too many pixels"


def test_what_is_under_a_password_says_so() -> None:
    assert read(a_pdf("secret", password="x"))[0].trouble == "it is encrypted"


@pytest.mark.parametrize(
    "content",
    [
        a_word("Dear friend")[:3000],
        a_docx("Dear friend")[:-30],
        a_pdf("Dear friend")[:200],
        a_qr(LINK)[:90],
        b"{\\rtf1" + b"{" * 5000,
        b"%PDF-1.4\n" + b"<<" * 5000,
    ],
    ids=["word", "docx", "pdf", "picture", "rtf", "pdf of nothing"],
)
def test_a_damaged_file_is_no_trouble_for_the_rest(content: bytes) -> None:
    message = read_whole(attached(content))

    assert message.text == "see the file"
    assert len(message.attachments) == 1


def test_a_bomb_gives_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "MOST_XML", 1000)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "<w:p>" + "x" * 1_000_000)

    attachment, _ = read(file.getvalue())

    assert len(attachment.text) < 1000


def test_a_file_that_takes_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "MOST_SECONDS", 0.01)
    monkeypatch.setattr(attachments, "_read_plain", endless)

    attachment, _ = read(b"words", "note.txt")

    assert attachment.trouble.startswith("it was not read after")


def test_a_limit_in_time_is_over_with_what_it_limits() -> None:
    with within(60.0):
        pass
    with pytest.raises(TookTooLong), within(0.001):
        endless()


@pytest.mark.parametrize(
    ("content", "name", "light"),
    [
        (b"\x00\x01 any bytes", "figures.dat", True),
        (b"a few words", "note.txt", True),
        (b"words " * 20_000, "note.txt", False),
        (b"<html><p>words</p></html>", "page.html", True),
        (a_pdf("x"), "x.pdf", False),
        (a_qr(LINK), "x.png", False),
        (a_docx("x"), "x.docx", False),
    ],
    ids=["unknown", "text", "long text", "html", "pdf", "picture", "docx"],
)
def test_what_needs_other_programs_is_not_read_on_the_spot(content: bytes, name: str, light: bool) -> None:
    assert survey(attached(content, name)).is_light is light


def test_files_stay_closed_where_they_are_not_to_be_opened() -> None:
    message = read_whole(attached(a_pdf("secret words")), open_all=False)

    assert message.text == "see the file"
    assert [(one.kind, one.text) for one in message.attachments] == [("application/pdf", "")]
