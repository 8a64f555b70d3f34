"""The directory for temporary files, which the account of the gateway must be able to write to."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping

from gateway.runtime.exitcodes import ExitCode, StartFailure

_VARIABLES = ("TMPDIR", "TEMP", "TMP")


def check_temporary_directory(environment: Mapping[str, str]) -> None:
    """Raise `StartFailure` when no file can be made where temporary files go.

    A directory that the environment names must do: to fall back on another one in silence would fill a
    disk that nobody thinks of.
    """
    named = next((name for name in _VARIABLES if environment.get(name)), None)
    try:
        directory = environment[named] if named else tempfile.gettempdir()
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"\0")
    except OSError as problem:
        place = f"{environment[named]} (from {named})" if named else "/tmp"  # noqa: S108 - named, not used
        raise StartFailure(
            ExitCode.ENGINE_NOT_READY,
            f"the directory for temporary files {place} cannot be written ({problem.strerror}): let the"
            " account of the gateway write there, or name another directory with TMPDIR",
        ) from problem
