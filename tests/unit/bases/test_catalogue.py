from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from gateway.bases.catalogue import (
    MANIFEST,
    BaseFile,
    Family,
    UnusableSet,
    make_manifest,
    open_set,
    read_manifest,
    write_manifest,
)
from tests.support.bases import MADE_AT, a_set

FILES = {"rules": b"one", "hashes": b"two"}


def test_a_set_says_what_is_in_it_and_how_much_it_knows(tmp_path: Path) -> None:
    made = a_set(tmp_path / "set", FILES)

    opened = open_set(tmp_path / "set")

    assert opened == made
    assert [file.name for file in opened.manifest.files] == ["hashes", "rules"]
    assert opened.manifest.records == 2


def test_a_version_sorts_by_age_and_stands_for_the_content() -> None:
    file = BaseFile("rules", 3, "00" * 32)

    versions = [
        make_manifest(Family.ANTIVIRUS, moment, (content,)).version
        for moment in (MADE_AT, MADE_AT + timedelta(seconds=1))
        for content in (file, replace(file, sha256="11" * 32))
    ]

    assert versions[0].startswith("20260301T120000Z-")
    assert len(set(versions)) == 4
    assert max(versions[:2]) < min(versions[2:])


def test_the_moment_of_a_set_is_in_utc() -> None:
    moment = datetime(2026, 3, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))

    assert make_manifest(Family.ANTIVIRUS, moment, ()).made_at == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rules", b"onE", "is not the file that the manifest describes"),
        ("rules", b"one and more", "is not the file that the manifest describes"),
        ("rules", None, "No such file or directory"),
        (MANIFEST, None, "No such file or directory"),
        (MANIFEST, b"{", "truncated"),
        (MANIFEST, b"\xff\xfe", "malformed"),
        (MANIFEST, b'{"format": 1}', "missing required field `set`"),
    ],
)
def test_a_set_with_a_file_that_is_not_as_it_was_made_is_refused(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    folder = a_set(tmp_path / "set", FILES).folder
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)

    with pytest.raises(UnusableSet) as refused:
        open_set(folder)

    assert str(folder / name) in str(refused.value)
    assert said in str(refused.value)


def test_a_set_of_a_later_format_is_refused(tmp_path: Path) -> None:
    folder = a_set(tmp_path / "set", FILES).folder
    manifest = folder / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b'"format": 1', b'"format": 2'))

    with pytest.raises(UnusableSet, match="has format 2"):
        read_manifest(folder)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "", "..", "a\\b", "a\0b"])
def test_a_manifest_names_only_files_in_its_own_folder(tmp_path: Path, name: str) -> None:
    manifest = make_manifest(Family.ANTIVIRUS, MADE_AT, (BaseFile(name, 0, "00" * 32),))
    write_manifest(tmp_path, manifest)

    with pytest.raises(UnusableSet, match="is no plain name"):
        open_set(tmp_path)
