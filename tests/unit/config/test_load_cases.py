from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.findings import printable
from gateway.config.load import examine, read_text

FOLDER = Path(__file__).parents[2] / "corpus" / "config"
CASES = sorted(FOLDER.glob("*.conf"))


def read(path: Path) -> str:
    return read_text(FOLDER / path.relative_to("/etc/mailwarden"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_all_that_is_wrong_is_found_with_its_place(case: Path) -> None:
    expected = case.with_suffix(".findings").read_text("utf-8").splitlines()

    examined = examine(Path("/etc/mailwarden") / case.name, {}, read=read, is_file=lambda _: False)

    assert list(printable(examined.findings)) == expected
    assert (examined.settings is None) == bool(examined.findings.errors)


def test_every_case_has_its_findings() -> None:
    assert CASES
    assert {case.stem for case in CASES} == {case.stem for case in FOLDER.glob("*.findings")}
