"""The text of the configuration as lines, each with its place (reference, sections 12.1 and 13).

Pure: files are read by the function that is passed in, which raises `OSError` for what cannot be read
and `UnicodeDecodeError` for what is not text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod
from pathlib import Path

from gateway.config.findings import Finding, Place, warning

Read = Callable[[Path], str]

DEEPEST_INCLUDE = 8
MOST_LINES = 200_000
"""Lines of all files together, and lines that `file:` makes: a bound for files that include each other."""

_COMMENTS = ("#", ";")
_STRANGE = "control characters in the line: type it anew as plain text"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Line:
    """One `parameter=value`."""

    place: Place
    section: str
    parameter: str
    value: str


@dataclass(frozen=True, slots=True)
class Heading:
    """One `[section]`."""

    place: Place
    section: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was read: of several files, in the order of reading."""

    lines: tuple[Line, ...]
    headings: tuple[Heading, ...]
    findings: tuple[Finding, ...]
    readable: bool  # whether the first file could be read at all


def parse(path: Path, read: Read) -> Parsed:
    """Read `path` and all that it includes."""
    reading = _Reading(read)
    readable = reading.file(path, Place(str(path)), inside=())
    return Parsed(tuple(reading.lines), tuple(reading.headings), tuple(reading.findings), readable)


def takes_external_files(section: str) -> bool:
    """Whether `!include` and `file:` may be used there (reference, section 13)."""
    return section not in ("path", "locale") and not section.startswith("updater.")


def unprintable(text: str) -> bool:
    """Whether `text` has control characters (tab and line feed aside) or broken UTF-8: no value has any."""
    return _CONTROL.search(text) is not None


@dataclass
class _Reading:
    read: Read
    lines: list[Line] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    section: str | None = ""  # "": no heading yet; None: a heading that could not be read
    lines_left: int = MOST_LINES

    def file(self, path: Path, named_at: Place, inside: tuple[Path, ...]) -> bool:
        """Read a file; whether that was possible."""
        try:
            text = self.read(path)
        except (OSError, UnicodeDecodeError) as failure:
            self.findings.append(Finding(named_at, unreadable(path, failure)))
            return False

        physical = _Physical(str(path), text)
        for place, content in physical:
            self.lines_left -= 1
            if self.lines_left < 0:
                break
            if self.lines_left == 0:
                self.findings.append(
                    Finding(place, f"more than {MOST_LINES} lines: look for repeated !include")
                )
            elif unprintable(content):
                self.findings.append(Finding(place, _STRANGE))
            elif content.startswith("!include"):
                self.include(place, content.removeprefix("!include"), (*inside, path))
            elif content.startswith("["):
                self.heading(place, content, included=bool(inside))
            else:
                self.parameter(place, content, physical)
        return True

    def include(self, place: Place, argument: str, inside: tuple[Path, ...]) -> None:
        path = Path(argument.strip())
        if not argument[:1].isspace() or not path.is_absolute():
            problem = "the path after !include is not absolute: write !include /path/of/the/file"
        elif self.section and not takes_external_files(self.section):
            problem = f"!include cannot be used in [{self.section}]: write its parameters into this file"
        elif path in inside:
            problem = f"{path} includes itself: remove one !include of the loop"
        elif len(inside) > DEEPEST_INCLUDE:
            problem = (
                f"!include is nested deeper than {DEEPEST_INCLUDE}: include {path} from a file further up"
            )
        else:
            self.file(path, place, inside)
            return
        self.findings.append(Finding(place, problem))

    def heading(self, place: Place, content: str, *, included: bool) -> None:
        name = content[1:-1].strip()
        if not content.endswith("]") or not name or "[" in name or "]" in name:
            self.section = None
            self.findings.append(
                Finding(place, f"'{shortened(content)}' is not a heading: write [section] alone")
            )
            return
        self.section = name
        self.headings.append(Heading(place, name))
        if included and not takes_external_files(name):
            self.findings.append(
                Finding(place, f"[{name}] cannot be in an included file: move it to the main file")
            )

    def parameter(self, place: Place, content: str, following: _Physical) -> None:
        name, equals, value = content.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name:
            self.findings.append(
                Finding(
                    place,
                    f"'{shortened(content)}' is neither [section] nor parameter=value: mend or remove it",
                )
            )
            return
        while value.endswith(",") and (more := following.continuation()):
            value += more
        if unprintable(value):
            self.findings.append(Finding(place, _STRANGE))
        elif self.section == "":
            self.findings.append(
                Finding(place, f"{name} stands before the first [section]: move it into its section")
            )
        elif self.section is not None:
            self.lines.append(Line(place, self.section, name, value))


class _Physical:
    """The lines of a file that say something, with a look ahead for lists that go on in the next line."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        # Not splitlines(): it would also part lines at characters that a mask may hold.
        self._lines = text.removeprefix("\ufeff").split("\n")
        self._next = 0

    def __iter__(self) -> Iterator[tuple[Place, str]]:
        while self._next < len(self._lines):
            content = self._lines[self._next].strip()
            self._next += 1
            if content and not content.startswith(_COMMENTS):
                yield Place(self._path, self._next), content

    def continuation(self) -> str:
        """Take the next line if it can only be the rest of a list, else ""."""
        content = self._lines[self._next].strip() if self._next < len(self._lines) else ""
        if not content or "=" in content or content.startswith((*_COMMENTS, "[", "!")):
            return ""
        self._next += 1
        return content


def expand(
    lines: tuple[Line, ...], read: Read, holds_url: Callable[[Line], bool]
) -> tuple[tuple[Line, ...], tuple[Finding, ...]]:
    """Replace `file:/path` in values: one copy of the parameter per line of the file.

    Lines that can hold a URL, which may begin with `file:` too, stay as they are.
    """
    expansion = _Expansion(read, holds_url)
    expanded = tuple(copy for line in lines for copy in expansion.of(line))
    return expanded, tuple(expansion.findings)


@dataclass
class _Expansion:
    read: Read
    holds_url: Callable[[Line], bool]
    findings: list[Finding] = field(default_factory=list)
    lists: dict[Path, tuple[Line, ...]] = field(default_factory=dict)
    lines_left: int = MOST_LINES

    def of(self, line: Line) -> Iterator[Line]:
        words = line.value.split()
        if not any(word.startswith("file:") for word in words) or self.holds_url(line):
            yield line
            return
        choices = [
            self.entries(line, word) if word.startswith("file:") else ((None, word),) for word in words
        ]
        copies = prod(len(choice) for choice in choices)
        if copies > self.lines_left:
            self.findings.append(
                Finding(line.place, f"more than {MOST_LINES} lines come from file: shorten the lists")
            )
            return
        self.lines_left -= copies
        for combination in product(*choices):
            place = next(place for place, _ in combination if place is not None)
            yield Line(place, line.section, line.parameter, " ".join(word for _, word in combination))

    def entries(self, line: Line, word: str) -> tuple[tuple[Place | None, str], ...]:
        path = Path(word.removeprefix("file:"))
        problem = ""
        if not takes_external_files(line.section):
            problem = f"file: cannot be used in [{line.section}]: write the value itself"
        elif not path.is_absolute():
            problem = f"the path in '{shortened(word)}' is not absolute: write file:/path/of/the/file"
        if problem:
            self.findings.append(Finding(line.place, f"{line.parameter}: {problem}"))
            return ()
        if path not in self.lists:
            self.lists[path] = self.read_list(line, path)
        return tuple((entry.place, entry.value) for entry in self.lists[path])

    def read_list(self, line: Line, path: Path) -> tuple[Line, ...]:
        try:
            text = self.read(path)
        except (OSError, UnicodeDecodeError) as failure:
            self.findings.append(Finding(line.place, f"{line.parameter}: {unreadable(path, failure)}"))
            return ()
        entries: list[Line] = []
        empty: list[Place] = []
        for number, raw in enumerate(text.removeprefix("\ufeff").removesuffix("\n").split("\n"), start=1):
            place, content = Place(str(path), number), raw.strip()
            if not content:
                empty.append(place)
            elif unprintable(content) or content.startswith("file:"):
                self.findings.append(
                    Finding(place, f"'{shortened(content)}' cannot be in a list: write one value a line")
                )
            elif not content.startswith(_COMMENTS):
                entries.append(Line(place, line.section, line.parameter, content))
        if not entries:
            # Without this the parameter would be absent, and an absent Senders means everybody.
            self.findings.append(
                Finding(
                    line.place,
                    f"{line.parameter}: {path} names nothing: add a line to it, or remove the parameter",
                )
            )
        elif empty:
            self.findings.append(
                warning(empty[0], f"{len(empty)} empty lines in this list are skipped: remove them")
            )
        return tuple(entries)


def unreadable(path: Path, failure: OSError | UnicodeDecodeError) -> str:
    """Why `path` could not be read, and what to do about it."""
    if isinstance(failure, UnicodeDecodeError):
        return f"{path} is not text in UTF-8: save it as such"
    return f"{path} cannot be read ({failure.strerror or failure}): check the path and who may read it"


def shortened(text: str) -> str:
    """`text` for a finding: without what cannot be printed, and not too long."""
    plain = _CONTROL.sub("?", text)
    return plain if len(plain) <= 60 else plain[:57] + "..."
