"""What all sections have in common."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section of the file: immutable, checked as it is made, a default for all that may be left out.

    Attributes are named after the parameters (`config/names.py`); a parameter that may be repeated is
    a tuple. The description of a field is its text in `docs/reference/configuration.md`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False, hide_input_in_errors=True)

    heading: ClassVar[str]
    """The name in the file, without brackets."""
