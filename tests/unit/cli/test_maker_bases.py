from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.maker.bases import bases
from gateway.bases import shelf
from gateway.bases.catalogue import open_set
from gateway.runtime.exitcodes import ExitCode
from tests.support.content import content_sources
from tests.support.signatures import a_rule

FIRST, SECOND = "2026-03-01T12:00:00", "2026-03-02T12:00:00"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "worms.yar").write_text(a_rule('"worm"', threat="Worm.A"))
    return folder


def test_a_set_is_built_put_on_the_shelf_and_switched_to(sources: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(bases, [str(sources), str(tmp_path / "bases"), "--date", FIRST])

    place = tmp_path / "bases" / "av"
    assert (result.exit_code, result.output) == (0, f"{shelf.current_version(place)}: 1 records\n")
    assert open_set(place / "current").manifest.version.startswith("20260301T120000Z-")


def test_the_set_that_was_used_before_stays_for_the_way_back(sources: Path, tmp_path: Path) -> None:
    for date in (FIRST, SECOND):
        CliRunner().invoke(bases, [str(sources), str(tmp_path), "--date", date])

    older, newer = shelf.versions(tmp_path / "av")
    assert shelf.current_version(tmp_path / "av") == newer
    assert older.startswith("20260301T")
    assert sorted(path.name for path in (tmp_path / "av").iterdir()) == [older, newer, "current"]


def test_a_set_can_be_made_without_being_used(sources: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"

    result = CliRunner().invoke(bases, [str(sources), str(made), "--make-only", "--portable"])

    assert result.exit_code == 0
    assert [file.name for file in open_set(made).manifest.files] == ["digests.bin", "rules.yar"]


def test_nothing_is_written_over(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()

    result = CliRunner().invoke(bases, [str(sources), str(tmp_path / "made"), "--make-only"])

    assert (result.exit_code, result.stderr) == (
        ExitCode.SYSTEM_ERROR,
        f"{tmp_path / 'made'}: is there already\n",
    )


def test_a_source_that_is_not_right_changes_nothing(sources: Path, tmp_path: Path) -> None:
    CliRunner().invoke(bases, [str(sources), str(tmp_path), "--date", FIRST])
    (sources / "worms.yar").write_text("rule {")

    result = CliRunner().invoke(bases, [str(sources), str(tmp_path), "--date", SECOND])

    assert result.exit_code == ExitCode.NO_BASES
    assert "worms.yar:1" in result.stderr
    assert [version[:8] for version in shelf.versions(tmp_path / "av")] == ["20260301"]


def test_content_databases_are_built_from_their_own_sources(tmp_path: Path) -> None:
    sources = content_sources(tmp_path / "content", "2 loans easy money")

    result = CliRunner().invoke(bases, [str(sources), str(tmp_path / "bases"), "--family=as"])

    assert result.exit_code == 0
    assert open_set(tmp_path / "bases" / "as" / "current").manifest.family == "as"


def test_a_line_that_is_not_right_is_told_with_its_place(tmp_path: Path) -> None:
    sources = content_sources(tmp_path / "content", "9 loans easy money")

    result = CliRunner().invoke(bases, [str(sources), str(tmp_path / "bases"), "-f", "as"])

    assert result.exit_code == ExitCode.NO_BASES
    assert "en.tsv, line 1: '9' is no weight" in result.stderr


def test_only_rules_can_be_left_uncompiled(tmp_path: Path) -> None:
    sources = content_sources(tmp_path / "content", "2 loans easy money")

    result = CliRunner().invoke(bases, [str(sources), str(tmp_path / "made"), "-m", "-p", "-f", "as"])

    assert result.exit_code == 2
    assert "--portable is for av alone" in result.stderr
