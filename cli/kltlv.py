"""`kltlv`: checks the syntax of templates (manual, chapter 6.8 and appendices A.13 and A.14)."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

import click

from cli.operators import banner
from gateway.domain.macros import MACROS
from gateway.domain.template import LONGEST_TEMPLATE, TemplateError, compile_template, names_in
from gateway.version import VERSION

TITLE = "Template Syntax Checker"


class Code(IntEnum):
    """The return codes of the command (reference, section 19.4)."""

    CORRECT = 0
    BAD_OPTIONS = 1
    UNREADABLE = 2
    SYSTEM_ERROR = 3
    BAD_SYNTAX = 4


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version", prog_name="kltlv", message="%(prog)s %(version)s")
@click.argument("file", type=click.Path(path_type=Path))
def kltlv(file: Path) -> int:
    """Check the syntax of the template in FILE."""
    print(banner(TITLE))
    try:
        with file.open("rb") as opened:
            content = opened.read(LONGEST_TEMPLATE + 1)
    except OSError as problem:
        sys.stdout.flush()  # what was said before comes before, also where both go to the same file
        print(f"kltlv: {file}: {problem.strerror}", file=sys.stderr)
        return Code.UNREADABLE
    try:
        text = content.decode("utf-8")
        unknown = unknown_macros(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        print(f"Parsing error: Text is not UTF-8, line {line}")
        return Code.BAD_SYNTAX
    except TemplateError as error:
        print(f"Parsing error: {error.reason}, line {error.line}")
        return Code.BAD_SYNTAX
    for name, line in unknown:
        print(f"Warning: Unknown macro {name}, line {line}")
    print("Template syntax is correct")
    return Code.CORRECT


def unknown_macros(text: str) -> list[tuple[str, int]]:
    """The macros of a template that nobody gives a value to, and the line where each is named first.

    Raises `TemplateError`.
    """
    unknown = names_in(compile_template(text).nodes) - MACROS.keys()
    found = ((name, re.search(rf"(?:%|\bFOR\s+){re.escape(name)}(?![\w-])", text)) for name in unknown)
    lines = ((name, text.count("\n", 0, named.start()) + 1) for name, named in found if named)
    return sorted(lines, key=lambda one: one[1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    try:
        code = kltlv.main(arguments, prog_name="kltlv", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        error.show()
        return Code.BAD_OPTIONS
    except OSError as problem:
        print(f"kltlv: {problem.strerror}", file=sys.stderr)
        return Code.SYSTEM_ERROR
    return int(code or Code.CORRECT)


if __name__ == "__main__":
    sys.exit(main())
