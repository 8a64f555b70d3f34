"""That LibreOffice opens what was cured, and shows the same text: `make test-office`.

Not among the other tests, since LibreOffice is large: Debian's packages are installed where they are missing.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import olefile
import pytest

from services.scanner.cure.ole import disarm_ole
from services.scanner.cure.ooxml import disarm_ooxml
from services.scanner.cure.pdf import disarm_pdf
from tests.support.office import TEXT, a_docm, an_xlsm, compound, vba_project
from tests.unit.scanner.cure.test_pdf import planted as a_pdf

PACKAGES = tuple(f"libreoffice-{program}-nogui" for program in ("writer", "calc", "impress", "draw"))
CONVERT_SECONDS = 120.0


@pytest.fixture(scope="module", autouse=True)
def libreoffice() -> None:
    with Path(tempfile.gettempdir(), "mailwarden-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if shutil.which("soffice"):
            return
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
            subprocess.run(["apt-get", "-q", *arguments], env=environment, check=True)


def converted(content: bytes, name: str, kind: str, folder: Path) -> bytes:
    """What LibreOffice makes of a file."""
    source = folder / "in" / name
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(content)
    profile = f"-env:UserInstallation=file://{folder}/profile"
    subprocess.run(
        ["soffice", "--headless", profile, "--convert-to", kind, "--outdir", folder / "out", source],
        check=True,
        capture_output=True,
        timeout=CONVERT_SECONDS,
    )
    (made,) = (folder / "out").iterdir()
    answer = made.read_bytes()
    made.unlink()
    return answer


def shown(content: bytes, name: str, folder: Path) -> str:
    """The text that a reader sees."""
    kind = "csv" if name.endswith(("xls", "xlsm")) else "txt:Text (encoded):UTF8"
    return converted(content, name, kind, folder).decode("utf-8-sig")


@pytest.mark.parametrize("name", ["offer.docm", "offer.docx"])
def test_a_cured_text_opens_and_shows_its_text_and_what_its_fields_showed_last(
    name: str, tmp_path: Path
) -> None:
    cured = disarm_ooxml(a_docm(), name)

    assert cured is not None
    lines = [line for line in shown(cured, name, tmp_path).splitlines() if line.strip()]
    assert lines == [TEXT, "our page", "shown", "simple"]


def test_a_cured_workbook_opens_and_shows_the_values_that_it_had(tmp_path: Path) -> None:
    cured = disarm_ooxml(an_xlsm(), "offer.xlsm")

    assert cured is not None
    text, asked, own = shown(cured, "offer.xlsm", tmp_path).strip().split(",")
    assert (text, asked) == (TEXT, "1")
    assert own in ("2", f'"{TEXT}|!"', f"{TEXT}|!")  # kept, or worked out anew


@pytest.mark.parametrize(
    ("make", "kind", "macros"),
    [(a_docm, "doc:MS Word 97", "Macros"), (an_xlsm, "xls:MS Excel 97", "_VBA_PROJECT_CUR")],
    ids=["doc", "xls"],
)
def test_a_cured_old_document_opens_and_shows_the_text_that_it_had(
    make: Callable[[], bytes], kind: str, macros: str, tmp_path: Path
) -> None:
    plain = disarm_ooxml(make(), "a")
    assert plain is not None
    suffix = kind.partition(":")[0]
    old = converted(plain, f"a.{suffix}x", kind, tmp_path)
    planted = compound(streams_of(old) | vba_project(macros))

    cured = disarm_ole(planted)

    assert cured is not None
    assert cured != planted
    text = shown(cured, f"a.{suffix}", tmp_path)
    assert TEXT in text
    assert text == shown(old, f"a.{suffix}", tmp_path)


def streams_of(content: bytes) -> dict[str, bytes]:
    with olefile.OleFileIO(io.BytesIO(content)) as ole:
        return {"/".join(path): ole.openstream(path).read() for path in ole.listdir()}


def test_a_cured_pdf_opens(tmp_path: Path) -> None:
    cured = disarm_pdf(a_pdf())

    assert cured is not None
    assert converted(cured, "offer.pdf", "png", tmp_path).startswith(b"\x89PNG")
