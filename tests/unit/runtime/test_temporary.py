from __future__ import annotations

from pathlib import Path

import pytest

from gateway.runtime.exitcodes import ExitCode, StartFailure
from gateway.runtime.temporary import check_temporary_directory


def test_a_directory_that_can_be_written_is_fine(tmp_path: Path) -> None:
    check_temporary_directory({"TMPDIR": str(tmp_path)})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", ["TMPDIR", "TEMP", "TMP"])
def test_a_directory_that_cannot_be_written_is_named_with_the_variable_it_came_from(
    variable: str, tmp_path: Path
) -> None:
    missing = tmp_path / "missing"

    with pytest.raises(StartFailure, match=rf"{missing} \(from {variable}\) cannot be written") as failure:
        check_temporary_directory({variable: str(missing)})

    assert failure.value.code is ExitCode.ENGINE_NOT_READY
