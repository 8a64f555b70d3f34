from __future__ import annotations

import tomllib
from pathlib import Path

from gateway.version import VERSION


def test_the_gateway_names_the_version_it_is_packaged_as() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    assert project["version"] == VERSION
