"""PDF after the cure, by the judgement of another library."""

from __future__ import annotations

import io

import pikepdf
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scanner.cure.pdf import disarm_pdf
from tests.support.documents import a_pdf

TEXT = "The figures of the quarter."


def planted() -> bytes:
    """A document with a text and a link, and with scripts, actions and a file wherever they can be."""
    document = pikepdf.new()
    document.add_blank_page()
    page = document.pages[0]
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
    )
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
    page.Contents = document.make_stream(b"BT /F1 12 Tf 72 700 Td (" + TEXT.encode() + b") Tj ET")
    script = document.make_indirect(pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)"))
    launch = pikepdf.Dictionary(S=pikepdf.Name.Launch, F="cmd.exe")
    link = pikepdf.Dictionary(S=pikepdf.Name.URI, URI="https://www.office.example/", Next=launch)
    page.Annots = pikepdf.Array(
        [
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9], A=launch
            ),
            pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9], A=link),
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.FileAttachment, Rect=[0, 0, 9, 9]
            ),
        ]
    )
    page.AA = pikepdf.Dictionary(O=script)
    document.Root.OpenAction = script
    names = pikepdf.Array(["start", script])
    document.Root.Names = pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=names))
    document.Root.AcroForm = pikepdf.Dictionary(Fields=[], XFA=document.make_stream(b"<xdp/>"))
    document.attachments["a.exe"] = b"MZ the program"
    with document.open_outline() as outline:
        outline.root += [pikepdf.OutlineItem("one", 0), pikepdf.OutlineItem("two", 0)]
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()


def read(content: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(content), strict=True)


def test_scripts_actions_and_files_are_gone_and_text_links_and_bookmarks_stay() -> None:
    before = read(planted())

    found = disarm_pdf(planted())

    assert found is not None
    after = read(found)
    assert before.attachments
    assert not after.attachments
    assert not {"/OpenAction", "/AA"} & set(after.root_object)
    page = after.pages[0]
    assert "/AA" not in page
    actions = [annotation.get_object().get("/A", {}) for annotation in page["/Annots"]]  # type: ignore[attr-defined]
    assert [action.get("/S") for action in actions] == [None, "/URI"]
    assert "/Next" not in actions[1]
    assert after.pages[0].extract_text() == before.pages[0].extract_text() == TEXT
    assert [entry.title for entry in after.outline] == ["one", "two"]  # type: ignore[union-attr]
    with pikepdf.open(io.BytesIO(found)) as plain:
        plain_form = io.BytesIO()
        plain.save(plain_form, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    for trace in (b"JavaScript", b"Launch", b"EmbeddedFile", b"XFA", b"app.alert", b"cmd.exe", b"MZ the"):
        assert trace not in plain_form.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"%PDF-1.7 no document", a_pdf(b"x", user="secret", owner="boss")],
    ids=["empty", "broken", "password"],
)
def test_what_cannot_be_read_is_left(content: bytes) -> None:
    assert disarm_pdf(content) is None


@settings(max_examples=40)
@given(st.data())
def test_nothing_makes_the_cure_fail(data: st.DataObject) -> None:
    document = planted()
    at = data.draw(st.integers(0, len(document) - 1))

    disarm_pdf(document[:at] + data.draw(st.binary(min_size=1, max_size=40)) + document[at + 1 :])
