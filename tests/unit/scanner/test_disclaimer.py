from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.mail import BodyRef, Edit, Mail
from gateway.domain.message import composed, with_edits
from gateway.domain.mime import take_apart
from services.scanner.disclaimer import added
from tests.support.mails import a_mail
from tests.support.parts import HEADER, a_message, a_text, an_attachment

TEXT = "Checked <here> & now.\r\n From me\r\n"
WORDS = "Checked <here> & now.\r\n From me"


def mail_of(message: bytes) -> Mail:
    return a_mail(body=BodyRef("name", len(message)))


def changed(message: bytes, text: str = TEXT, taken: tuple[Edit, ...] = ()) -> bytes:
    result = added(message, text, taken)
    assert not result.left_alone
    return composed(with_edits(mail_of(message), result.edits), message)


def parsed(message: bytes) -> EmailMessage:
    return message_from_bytes(message, policy=email_policy.default)


def text_of(message: bytes, kind: str = "plain") -> str:
    body = parsed(message).get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def a_part(content: bytes, kind: str = "text/plain", encoding: str = "") -> bytes:
    field = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    return f"Content-Type: {kind}\r\n{field}\r\n".encode() + content


def whole(part: bytes) -> bytes:
    """A message that is one part."""
    return HEADER + part


@pytest.mark.parametrize("ending", [b"", b"\r\n"])
def test_it_stands_below_the_text_with_an_empty_line_between(ending: bytes) -> None:
    message = whole(a_part(b"Hello." + ending))

    assert changed(message) == whole(a_part(b"Hello.\r\n\r\nChecked <here> & now.\r\n From me\r\n"))


def test_only_the_text_of_a_multipart_changes() -> None:
    message = a_message(a_text(), an_attachment(b"x" * 100), a_text(b"second"))

    [edit] = added(message, TEXT, ()).edits

    assert (edit.start, edit.start) == (edit.end, message.index(b"Hello.") + len(b"Hello."))
    assert text_of(changed(message)) == "Hello.\n\nChecked <here> & now.\n From me\n"


def test_each_alternative_has_it_as_its_kind_is() -> None:
    html = a_part(b"<html><body><p>Hi</p></BODY></html>", "text/html")
    message = a_message(a_text(), html, kind="alternative")

    after = changed(message, "A < B\r\ncafé")

    assert "Hello.\n\nA < B\ncafé" in text_of(after)
    assert b"<p>Hi</p>\r\n<hr><div>\r\nA &lt; B<br>\r\ncaf&#233;\r\n</div>\r\n</BODY></html>" in after


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64"])
@pytest.mark.parametrize("charset", ["utf-8", "koi8-r", "windows-1251"])
def test_it_is_in_the_charset_and_encoding_of_the_part(charset: str, encoding: str) -> None:
    words = "Привет, мир = хорошо " * 10
    content = words.encode(charset)
    quoted = b"=\r\n".join(b"=%02X" % byte for byte in content)
    raw = b64encode(content) if encoding == "base64" else quoted
    message = a_message(a_part(raw, f"text/plain; charset={charset}", encoding), an_attachment(b"x"))

    after = changed(message, "Проверено")

    part = take_apart(after)[1]
    assert (part.charset, part.encoding) == (charset, encoding)
    assert text_of(after) == f"{words}\n\nПроверено\n"


def test_html_in_base64_has_it_inside_its_body() -> None:
    content = b64encode(b"<body>hi</body></html>")
    message = whole(a_part(content + b"\r\n", "text/html", "base64"))

    assert text_of(changed(message, "x"), "html") == "<body>hi\n<hr><div>\nx\n</div>\n</body></html>"


@pytest.mark.parametrize("charset", ["", "; charset=us-ascii", "; charset=iso-8859-1", "; charset=utf-16le"])
def test_a_text_whose_charset_cannot_say_it_is_rewritten(charset: str) -> None:
    codec = charset.removeprefix("; charset=") or "us-ascii"
    encoding = "base64" if codec.startswith("utf-16") else ""
    raw = "hello\r\n".encode(codec)
    message = a_message(a_part(b64encode(raw) if encoding else raw, f"text/plain{charset}", encoding))

    after = changed(message, "Проверено 漢字")

    assert text_of(after) == "hello\n\nПроверено 漢字\n"
    assert parsed(after).get_body() is not None
    assert take_apart(after)[1].charset == "utf-8"


def test_a_flowed_text_stays_flowed_and_the_disclaimer_does_not_flow() -> None:
    message = whole(a_part(b"one \r\ntwo \r\n", 'text/plain; Format="Flowed"'))

    after = changed(message, "> quoted \r\nFrom here \r\n indented")

    assert after.endswith(b"one \r\ntwo \r\n\r\n > quoted\r\n From here\r\n  indented\r\n")


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (a_message(a_text(), an_attachment(b"s"), kind="signed; micalg=x"), "the message is signed"),
        (a_message(an_attachment(b"s"), kind="encrypted"), "the message is encrypted"),
        (whole(a_part(b"MII=", "application/pkcs7-mime", "base64")), "the message is signed or encrypted"),
        (
            a_message(a_message(a_text(), kind="signed").removeprefix(HEADER), a_text(b"list footer")),
            "the message is signed",
        ),
        (whole(a_part(b"-----BEGIN PGP SIGNED MESSAGE-----\r\nhi")), "the message is signed or encrypted"),
        (whole(a_part(b"\r\n-----BEGIN PGP MESSAGE-----\r\nhi")), "the message is signed or encrypted"),
        (a_message(an_attachment(b"x")), "the message has no text"),
        (whole(a_part(b"hi", "text/plain; charset=no-such")), "its text is in an unknown charset"),
        (whole(a_part(b"begin 644 x\r\n`\r\nend", "text/plain", "x-uuencode")), "its text is uuencoded"),
    ],
)
def test_what_cannot_have_it_is_left_alone_and_says_why(message: bytes, why: str) -> None:
    result = added(message, TEXT, ())

    assert (result.edits, result.left_alone) == ((), why)


def test_an_attached_text_and_an_attached_message_are_not_the_text() -> None:
    attached = b"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nnotes"
    message = a_message(attached, a_part(HEADER + b"\r\ninner", "message/rfc822"), a_text(b"mine"))

    assert b"mine\r\n\r\nChecked" in changed(message)


def test_a_text_that_was_taken_out_does_not_have_it() -> None:
    message = a_message(a_text(), a_text(b"second"))
    part = take_apart(message)[1]

    after = added(message, TEXT, (Edit(part.delimiter, part.end),))

    assert [message[: edit.start].endswith(b"second") for edit in after.edits] == [True]


@given(
    st.lists(
        st.sampled_from([a_text(), an_attachment(b"x"), a_part(b"<p>", "text/html"), b"", b"\r\n"]),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["mixed", "alternative", "related", "signed", "x"]),
    st.binary(max_size=60),
)
def test_whatever_a_message_is_nothing_else_of_it_changes(
    parts: list[bytes], kind: str, noise: bytes
) -> None:
    message = a_message(*parts, kind=kind) + noise

    result = added(message, TEXT, ())

    after = composed(with_edits(replace(mail_of(message)), result.edits), message)
    insertions = [edit for edit in result.edits if edit.start == edit.end]
    if len(insertions) == len(result.edits):
        assert len(after) == len(message) + sum(len(edit.replacement) for edit in insertions)
        for edit in reversed(insertions):
            place = edit.start + sum(len(one.replacement) for one in insertions if one.start < edit.start)
            after = after[:place] + after[place + len(edit.replacement) :]
        assert after == message
