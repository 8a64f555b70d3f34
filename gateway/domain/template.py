r"""The template language of notices: macros, loops over their values, variables.

    %NAME%                              the value of NAME; of several values, the last one
    <FOR NAME == "MASK">body</FOR>      the body once for each value that MASK names (`!=`: does not name),
                                        with NAME set to that value; MASK may hold `*` and `?`
    <DEF NAME = "VALUE"/>               from here to the end of its FOR, or of the template, %NAME% is VALUE
    # to the end of the line            a comment; a line that holds nothing else leaves no empty line behind
    \\ \% \/ \< \> \#                   the bare character; in a VALUE also \"
    \ at the end of a line              joins it with the next one, before anything else is read
    %CRLF%, %TAB%                       a line break, a tab

Case is significant. A declaration stands on one line. A macro that nobody gave a value to is empty.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

from gateway.domain.errors import GatewayError

LONGEST_TEMPLATE = 8 * 1024
"""Bytes of a template."""
LONGEST_NAME = 64
"""Bytes of a NAME."""
LONGEST_VALUE = 4096
"""Bytes of a VALUE."""
DEEPEST_NESTING = 16
"""FORs inside each other."""
LONGEST_OUTPUT = 256 * 1024
"""Characters of a rendered text; what goes beyond is cut off."""
MOST_TURNS = 10_000
"""Turns that all FORs of one text may take together; what goes beyond is cut off."""


class TemplateError(GatewayError):
    """A template does not follow the language: why, and in which line of its file."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(f"{reason}, line {line}")
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True)
class Parent:
    """A value that brings macros of its own: they exist only inside a FOR that stands at this value."""

    text: str
    children: Macros


Macros = Mapping[str, Sequence[str | Parent]]
"""What a template can name, with all the values of each name."""


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template."""

    nodes: tuple[Node, ...]

    def render(self, macros: Macros) -> str:
        """The text with `macros` filled in. All its line ends are CRLF, whatever the values hold."""
        output = _Output()
        try:
            _render(self.nodes, {**_PREDEFINED, **macros}, output)
        except _Full:
            output.cut()
        return _ANY_LINE_END.sub("\r\n", "".join(output.pieces))


def names_in(nodes: Sequence[Node]) -> frozenset[str]:
    """The macros that somebody has to give a value to, wherever they stand."""
    names: set[str] = set()
    defined = set(_PREDEFINED)
    for node in nodes:
        match node:
            case Text():
                pass
            case Macro(name):
                names |= {name} - defined
            case Define(name):
                defined.add(name)
            case Each(name, body=body):
                names |= ({name} | names_in(body)) - defined
    return frozenset(names)


def compile_template(text: str) -> Template:
    """Read a template. Raises `TemplateError`."""
    return Template(_Compiler(text).nodes())


@dataclass(frozen=True, slots=True)
class Text:
    """Stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Macro:
    """Stands for the last value of `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Define:
    """Gives `name` one value, within its scope."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Each:
    """Stands for its body, once for each value of `name` that passes the test."""

    name: str
    mask: re.Pattern[str]
    wanted: bool  # True: values that `mask` names; False: all others
    body: tuple[Node, ...]


Node = Text | Macro | Define | Each

_PREDEFINED: Macros = {"CRLF": ("\r\n",), "TAB": ("\t",)}
_ANY_LINE_END = re.compile(r"\r\n|\r|\n")


class _Full(Exception):
    """The text is as long as a text may get."""


class _Output:
    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._room = LONGEST_OUTPUT
        self._turns = MOST_TURNS

    def write(self, piece: str) -> None:
        self.pieces.append(piece)
        self._room -= len(piece)
        if self._room < 0:
            raise _Full

    def turn(self) -> None:
        self._turns -= 1
        if self._turns < 0:
            raise _Full

    def cut(self) -> None:
        self.pieces = ["".join(self.pieces)[:LONGEST_OUTPUT], "\r\n[...]\r\n"]


def _render(nodes: tuple[Node, ...], scope: Macros, output: _Output) -> None:
    for node in nodes:
        match node:
            case Text(text):
                output.write(text)
            case Macro(name):
                values = scope.get(name)
                output.write(_text(values[-1]) if values else "")
            case Define(name, value):
                scope = {**scope, name: (value,)}
            case Each(name, mask, wanted, body):
                for one in scope.get(name, ()):
                    output.turn()
                    if (mask.fullmatch(_text(one)) is not None) is wanted:
                        _render(body, {**scope, **_children(one), name: (one,)}, output)


def _text(value: str | Parent) -> str:
    return value.text if isinstance(value, Parent) else value


def _children(value: str | Parent) -> Macros:
    return value.children if isinstance(value, Parent) else {}


_PIECE = re.compile(
    r"""
    (?P<comment> ^[ \t]*\#.*(?:\n|\Z) | \#.* )
  | (?P<escape>  \\[\\%/<>#] )
  | (?P<macro>   % )
  | (?P<tag>     < )
  | (?P<text>    [^\\%<\#\n]*\n | [^\\%<\#\n]+ | \\ )   # never beyond its line: the next may be a comment
    """,
    re.VERBOSE | re.MULTILINE,
)
_NAME = re.compile(r"[A-Za-z0-9_-]*")
_OPERATION = re.compile(r'[^\s"<>/]*')
_AFTER_NAME = re.compile(r'[\s=!"<>/]|\Z')
_REST_OF_LINE = re.compile(r".*")
_VALUE = re.compile(r'"((?:[^"\\\n]|\\[^\n])*)"')
_VALUE_ESCAPE = re.compile(r'\\([\\%/<>#"])')
_SPACE = re.compile(r"[ \t]*")
_NO_SYMBOL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_OPERATIONS = {"FOR": ("==", "!="), "DEF": ("=",)}
_CLOSINGS = {"FOR": re.compile(r">"), "DEF": re.compile(r"/[ \t]*>")}


@dataclass(slots=True)
class _OpenLoop:
    line: int
    name: str
    mask: re.Pattern[str]
    wanted: bool
    nodes: list[Node]


class _Compiler:
    """Reads a template from its beginning to its end, once."""

    def __init__(self, text: str) -> None:
        lines = _ANY_LINE_END.sub("\n", text)
        self._text = lines.replace("\\\n", "")
        # Where, in the joined text, a line was joined with the next: errors name lines of the file.
        joins = [match.start() for match in re.finditer(r"\\\n", lines)]
        self._joins = [start - 2 * count for count, start in enumerate(joins)]
        self._at = 0

        encoded = text.encode()
        if len(encoded) > LONGEST_TEMPLATE:
            raise TemplateError("Template is too long", encoded.count(b"\n", 0, LONGEST_TEMPLATE) + 1)
        if stray := _NO_SYMBOL.search(self._text):
            self._fail("Invalid symbol in the text", stray.start())

    def nodes(self) -> tuple[Node, ...]:
        """All of it. FORs that are open lie on a stack, each with the nodes of its body."""
        whole: list[Node] = []
        loops: list[_OpenLoop] = []
        while self._at < len(self._text):
            into = loops[-1].nodes if loops else whole
            start = self._at
            piece = self._take(_PIECE)
            match piece.lastgroup:
                case "text":
                    into.append(Text(piece[0]))
                case "escape":
                    into.append(Text(piece[0][1]))
                case "macro":
                    into.append(self._macro(start))
                case "tag" if self._closes():
                    self._end_of_for(start, loops, whole)
                case "tag":
                    self._declaration(start, loops, into)
        if loops:
            raise TemplateError("Unclosed FOR", loops[-1].line)
        return tuple(whole)

    def _macro(self, start: int) -> Macro:
        name = self._name()
        if self._text.startswith("%", self._at):
            self._at += 1
            return Macro(name)
        if self._at == len(self._text) or self._text[self._at] == "\n":
            self._fail("Unclosed macro", start)
        self._fail("Invalid symbol in the name", self._at)

    def _closes(self) -> bool:
        self._take(_SPACE)
        if not self._text.startswith("/", self._at):
            return False
        self._at += 1
        return True

    def _end_of_for(self, start: int, loops: list[_OpenLoop], whole: list[Node]) -> None:
        self._skip_space()
        if self._take(_NAME)[0] != "FOR":
            self._fail("Unknown keyword", start)
        self._close("FOR")
        if not loops:
            self._fail("Closing tag without opening tag", start)
        loop = loops.pop()
        body = tuple(loop.nodes)
        (loops[-1].nodes if loops else whole).append(Each(loop.name, loop.mask, loop.wanted, body))

    def _declaration(self, start: int, loops: list[_OpenLoop], into: list[Node]) -> None:
        self._skip_space()
        keyword = self._take(_NAME)[0]
        if keyword not in _OPERATIONS:
            self._fail("Unknown keyword", start)
        self._skip_space()
        name = self._name()
        if not _AFTER_NAME.match(self._text, self._at):
            self._fail("Invalid symbol in the name", self._at)
        self._skip_space()
        operation = self._operation(keyword)
        self._skip_space()
        value = self._value()
        self._close(keyword)

        if keyword == "DEF":
            into.append(Define(name, value))
            return
        if len(loops) == DEEPEST_NESTING:
            self._fail("FOR nested too deep", start)
        loops.append(_OpenLoop(self._line(start), name, _mask(value), operation == "==", []))

    def _name(self) -> str:
        start = self._at
        name = self._take(_NAME)[0]
        if not name:
            self._fail("Invalid symbol in the name", start)
        if len(name) > LONGEST_NAME:
            self._fail("Name is too long", start)
        return name

    def _operation(self, keyword: str) -> str:
        start = self._at
        operation = self._take(_OPERATION)[0]
        if operation not in _OPERATIONS[keyword]:
            self._fail("Unknown operation", start)
        return operation

    def _value(self) -> str:
        start = self._at
        if not self._text.startswith('"', start):
            self._fail("Opening quote expected", start)
        quoted = _VALUE.match(self._text, start)
        if quoted is None:
            self._ends_early(self._take(_REST_OF_LINE).end())
        self._at = quoted.end()
        value = _VALUE_ESCAPE.sub(r"\1", quoted[1])
        if len(value.encode()) > LONGEST_VALUE:
            self._fail("Value is too long", start)
        return value

    def _close(self, keyword: str) -> None:
        self._skip_space()
        closing = _CLOSINGS[keyword].match(self._text, self._at)
        if closing is None:
            self._fail("Closing bracket expected", self._at)
        self._at = closing.end()

    def _skip_space(self) -> None:
        """Go on to the next thing of a declaration: there must be one on this line."""
        self._take(_SPACE)
        if self._text[self._at : self._at + 1] in ("", "\n"):
            self._ends_early(self._at)

    def _ends_early(self, position: int) -> NoReturn:
        what = "line" if position < len(self._text) else "file"
        self._fail(f"Unexpected end of {what} in the declaration", position)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        # Every pattern that is taken matches anywhere, if only nothing.
        found = cast("re.Match[str]", pattern.match(self._text, self._at))
        self._at = found.end()
        return found

    def _line(self, position: int) -> int:
        return self._text.count("\n", 0, position) + bisect_right(self._joins, position) + 1

    def _fail(self, reason: str, position: int) -> NoReturn:
        raise TemplateError(reason, self._line(position))


def _mask(value: str) -> re.Pattern[str]:
    # The first place where a piece fits is as good as any later one, so no star needs to be tried again.
    first, *others = (re.escape(piece).replace(r"\?", ".") for piece in value.split("*"))
    if not others:
        return re.compile(first, re.DOTALL)
    *middle, last = others
    found_in_turn = "".join(f"(?>.*?{piece})" for piece in middle)
    return re.compile(f"{first}{found_in_turn}.*{last}", re.DOTALL)
