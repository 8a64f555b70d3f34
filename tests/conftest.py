"""What holds for all tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import hypothesis
import pytest

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("mailwarden", deadline=None)
hypothesis.settings.load_profile("mailwarden")


@pytest.fixture(autouse=True)
def _levels_of_the_log_end_with_the_test() -> Iterator[None]:
    """What runs in the process of the tests may set them, as a command does for its own."""
    loggers = [logging.getLogger(name) for name in (None, "gateway", "services", "cli", "__main__")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
