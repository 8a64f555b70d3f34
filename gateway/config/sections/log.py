"""How the lines of the log are written (`[gateway.log]`); where they go, `[smtpgw.options]` says."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from gateway.config.sections.section import Section
from gateway.config.values import reader, word_of


class LogFormat(StrEnum):
    """The form of a line."""

    TEXT = "text"
    JSON = "json"


class LogSection(Section):
    """The form of the log."""

    heading: ClassVar[str] = "gateway.log"

    format: Annotated[LogFormat, reader(word_of(LogFormat))] = Field(
        default=LogFormat.TEXT,
        description="`text` as the manual has it, or `json`: an object on each line, for those who collect "
        "the logs of containers from `LogFilename=/dev/stdout`.",
    )
