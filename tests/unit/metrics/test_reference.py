from __future__ import annotations

from pathlib import Path

from gateway.metrics.catalogue import families
from gateway.metrics.reference import page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


def test_the_page_is_the_one_that_the_catalogue_makes() -> None:
    assert PAGE.read_text() == page(), "run python -m gateway.metrics.reference > docs/reference/metrics.md"


def test_every_metric_is_on_the_page_once() -> None:
    for family in families():
        assert page().count(f"| `{family.name}` | {family.kind} |") == 1
