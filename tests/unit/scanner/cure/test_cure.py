"""When an object is disarmed, and when that counts."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from gateway.domain.policy import ObjectStatus
from services.scanner.engines.port import CLEAN, EngineResult, LocalEngine, Sample
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.judging import Examined, Rules
from tests.support.archives import a_tar, zipped
from tests.support.engines import RemoteEngine
from tests.support.looking import SlowBlobs, an_examiner
from tests.support.marking import MarkEngine
from tests.support.office import a_doc, a_docm
from tests.support.parts import TEST_FILE, a_message, an_attachment

CURING = Rules(cure=True)
MACROS = MarkEngine(b"Sub AutoOpen")
DISINFECTED, INFECTED, SUSPICIOUS = ObjectStatus.DISINFECTED, ObjectStatus.INFECTED, ObjectStatus.SUSPICIOUS


async def examined(
    content: bytes, name: str, *local: LocalEngine, remote: RemoteEngine | None = None, rules: Rules = CURING
) -> Examined:
    engines = [remote] if remote else []
    async with an_examiner(*local, remote=engines, rules=rules) as examiner:
        examination = await examiner.examine(SlowBlobs().body(a_message(an_attachment(content, name))))
    (found,) = examination.objects
    return found


def names_in(archive: bytes | None) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(archive or b"")) as opened:
        assert opened.testzip() is None
        return opened.namelist()


@pytest.mark.parametrize(("content", "name"), [(a_docm(), "offer.docm"), (a_doc(), "offer.doc")])
async def test_an_infected_document_is_disarmed_where_curing_is_wanted_and_nowhere_else(
    content: bytes, name: str
) -> None:
    cured = await examined(content, name, MACROS)
    left = await examined(content, name, MACROS, rules=Rules(cure=False))

    assert (cured.status, cured.threats) == (DISINFECTED, ("Mark",))
    assert cured.cured is not None
    assert (left.status, left.cured) == (INFECTED, None)


async def test_a_clean_document_is_left_as_it_is() -> None:
    found = await examined(a_docm(), "offer.docm", StandardTestFile())

    assert (found.status, found.cured) == (ObjectStatus.CLEAN, None)


async def test_a_document_in_which_something_is_still_found_stays_infected() -> None:
    found = await examined(a_docm(), "offer.docm", MarkEngine(b"The figures"))

    assert (found.status, found.cured) == (INFECTED, None)


async def test_a_suspicious_page_is_disarmed_even_if_it_is_small() -> None:
    page = b"<html><body><p>Hello.</p><script>go()</script></body></html>"

    found = await examined(page, "page.html", MarkEngine(b"go()", SUSPICIOUS))

    assert found.status is DISINFECTED
    assert found.cured is not None
    assert b"Hello." in found.cured
    assert b"go()" not in found.cured


async def test_what_remote_engines_find_is_disarmed_if_they_find_nothing_afterwards() -> None:
    bad = EngineResult(INFECTED, ("Worm",))
    document = a_docm()

    cured = await examined(document, "offer.docm", remote=RemoteEngine({document: bad}))

    assert (cured.status, cured.threats) == (DISINFECTED, ("Worm",))
    stubborn = RemoteEngine({document: bad, cured.cured or b"": bad})
    assert (await examined(document, "offer.docm", remote=stubborn)).status is INFECTED


async def test_infected_members_go_out_of_an_archive_and_the_others_stay() -> None:
    archive = zipped({"a.txt": b"text", "bad/eicar.com": TEST_FILE, "b.txt": b"more"})

    found = await examined(archive, "files.zip", StandardTestFile())

    assert found.status is DISINFECTED
    assert names_in(found.cured) == ["a.txt", "b.txt"]


async def test_what_is_inside_an_archive_is_cured_where_it_can_be() -> None:
    inner = zipped({"bad.com": TEST_FILE, "c.txt": b"good"})
    archive = zipped({"offer.docm": a_docm(), "inner.zip": inner, "eicar.com": TEST_FILE})

    found = await examined(archive, "files.zip", StandardTestFile(), MACROS)

    assert found.status is DISINFECTED
    assert names_in(found.cured) == ["offer.docm", "inner.zip"]


async def test_a_tar_archive_is_cured_too() -> None:
    made = io.BytesIO(a_tar(b"good"))
    with tarfile.open(fileobj=made, mode="a") as archive:
        entry = tarfile.TarInfo("eicar.com")
        entry.size = len(TEST_FILE)
        archive.addfile(entry, io.BytesIO(TEST_FILE))

    found = await examined(made.getvalue(), "files.tar", StandardTestFile())

    assert found.status is DISINFECTED
    with tarfile.open(fileobj=io.BytesIO(found.cured or b"")) as opened:
        assert [entry.name for entry in opened] == ["file.bin"]


async def test_an_archive_of_which_nothing_would_be_left_stays_infected() -> None:
    found = await examined(zipped({"eicar.com": TEST_FILE}), "files.zip", StandardTestFile())

    assert (found.status, found.cured) == (INFECTED, None)


async def test_the_member_that_a_remote_engine_means_is_found_by_asking_for_each() -> None:
    archive = zipped({"a.txt": b"text", "worm.exe": b"the worm"})
    bad = EngineResult(INFECTED, ("Worm",))
    remote = RemoteEngine({archive: bad, b"the worm": bad})

    found = await examined(archive, "files.zip", remote=remote)

    assert (found.status, found.threats) == (DISINFECTED, ("Worm",))
    assert names_in(found.cured) == ["a.txt"]


async def test_what_must_be_deleted_is_not_cured() -> None:
    found = await examined(zipped({"a": b"-", "b": b"DELE-" + TEST_FILE}), "files.zip", StandardTestFile())

    assert (found.status, found.cured) == (INFECTED, None)


def test_the_marking_engine_knows_its_mark() -> None:
    assert MACROS.judge(Sample(b"Sub AutoOpen()")).threats == ("Mark",)
    assert MACROS.judge(Sample(b"Sub Other()")) == CLEAN
