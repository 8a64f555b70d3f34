"""The page `docs/reference/configuration.md`, made from the models: `python -m gateway.config.reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

from gateway.config.build import number_range
from gateway.config.names import parameter_name
from gateway.config.sections.policy import MembersSection
from gateway.config.sections.section import Section
from gateway.config.settings import SECTIONS
from gateway.config.values import Kind, write
from gateway.config.written import is_repeated

INTRODUCTION = """\
# Configuration

<!-- Made by `python -m gateway.config.reference` from the models in gateway/config/sections. -->

The gateway reads one file, `/etc/mailwarden/smtpgw.conf` unless `-c` names another. `smtpgw -k` checks it and
tells all that is wrong, each with its place and a remedy. A change takes effect with `reload` or a restart.

## How the file is written

```
# a comment: the line begins with # or ;
[smtpgw.network]
Hostname=gateway.company.example
ListenOn=192.0.2.1:25
ListenOn=[2001:db8::1]:25

[smtpgw.policy]
BlockMessage=infected,suspicious,
    protected
```

* `[section]`, then `parameter=value` lines. Names are exact; words among the values may be in any case.
* A parameter marked *repeated* is a list: one line for each element, and their order counts for rules, routes
  and groups.
* A list of statuses is separated by commas; after a comma it may go on in the next line. Its words are
  `disinfected`, `infected`, `suspicious`, `protected`, `error`, `filtered` (also with `av/` before them),
  `as/spam` and `as/probable`. `all` stands for all of the scanner, `as/all` for both of the spam filter, and
  `none` or nothing for no status.
* Yes or no is `true` or `false`, `yes` or `no`, `y` or `n`, `1` or `0`.
* In masks, `*` stands for any text and `?` for any one character.
* `!include /absolute/path` on a line of its own reads that file at this place, at most 8 files deep.
* `file:/absolute/path` inside a value stands for the lines of that file: the parameter is repeated for each
  of them. In a rule it can be the source or the recipients:
  `RelayRule=allow from any to file:/etc/mailwarden/domains`. Empty lines and comments there are skipped.
* `!include` and `file:` cannot be used in `[path]`, `[locale]` and `[updater.*]`. In `[gateway.*]`, `file:`
  is a list in repeated parameters only; elsewhere it begins a URL.

Any parameter can come from the environment instead: `SMTPGW_<SECTION>_<PARAMETER>` in upper case, with
underscores for dots and colons, as `SMTPGW_SMTPGW_LIMITS_INCOMINGSESSIONS` or `SMTPGW_GATEWAY_BUS_URL`. It
replaces all lines of that parameter; a repeated one has one value a line.
"""


def page() -> str:
    """The whole page."""
    models = [*SECTIONS.values()]
    models.insert(models.index(SECTIONS["policy"]) + 1, MembersSection)
    return INTRODUCTION + "".join(f"\n{part}" for model in models for part in _section(model))


def values_of(model: type[Section], attribute: str) -> str:
    """What a parameter can be set to."""
    field = model.model_fields[attribute]
    annotation: Any = field.annotation
    marks: tuple[Any, ...] = tuple(field.metadata)
    if is_repeated(model, attribute):
        element = get_args(annotation)[0]
        annotation, *inner = get_args(element)
        marks = (*marks, *inner)
    said = next((mark.text for mark in marks if isinstance(mark, Kind)), None) or _of_type(
        model, attribute, annotation
    )
    return f"{said}, repeated" if is_repeated(model, attribute) else said


def default_of(model: type[Section], attribute: str) -> str:
    """What a parameter is when it is left out, as it would be written; lists with commas."""
    default = model.model_fields[attribute].get_default()
    return (
        ", ".join(map(write, default))
        if isinstance(default, tuple) and is_repeated(model, attribute)
        else write(default)
    )


def _of_type(model: type[Section], attribute: str, annotation: Any) -> str:
    if annotation is bool:
        return "yes or no"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{write(member)}`" for member in annotation)
    lowest, highest = number_range(model, attribute)
    return f"{lowest} to {highest}"


def _section(model: type[Section]) -> Iterator[str]:
    yield f"## [{model.heading}]\n"
    yield f"{(model.__doc__ or '').strip()}\n".replace("\n    ", "\n")
    rows = [("Parameter", "Value", "Default", "Meaning"), ("---", "---", "---", "---")]
    for attribute, field in model.model_fields.items():
        default = "" if field.is_required() else default_of(model, attribute)
        shown = "required" if field.is_required() else f"`{default}`" if default else "empty"
        rows.append(
            (f"`{parameter_name(attribute)}`", values_of(model, attribute), shown, field.description or "")
        )
    yield "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


if __name__ == "__main__":
    sys.stdout.write(page())
