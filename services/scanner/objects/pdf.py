"""What PDF documents carry: embedded files, scripts, and streams that are something else by their content."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.domain.filetypes import true_type
from gateway.domain.kinds import kinds_of
from services.scanner.objects import streams
from services.scanner.objects.budget import Budget
from services.scanner.objects.members import Fault, Member, damaged, protected

if TYPE_CHECKING:
    import pikepdf

_FLATE = ("/FlateDecode", "/Fl")
_SCRIPT = "/JS"


def open_pdf(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """Embedded files and scripts; other streams only if their bytes say that they are no part of a page."""
    import pikepdf  # when the first document comes: only confined processes need it

    try:
        document = pikepdf.open(io.BytesIO(content), suppress_warnings=True)
    except pikepdf.PasswordError:
        yield protected()
        return
    with document:
        names = _file_names(document)
        for found in document.objects:
            budget.check_time()
            if isinstance(found, pikepdf.Stream):
                yield from _stream(found, names.get(found.objgen), budget)
            for script in _scripts(found):
                yield Member(script, "script.js")


def _scripts(found: pikepdf.Object) -> Iterator[bytes]:
    """The scripts that stand as strings in an object, however deep in it."""
    import pikepdf

    waiting = [found]
    while waiting:
        one = waiting.pop()
        inner: list[pikepdf.Object] = []
        if isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
            script = one.get(_SCRIPT)
            if isinstance(script, pikepdf.String):
                yield bytes(script)
            inner = [value for _key, value in one.items()]
        elif isinstance(one, pikepdf.Array):
            inner = list(one)
        # What stands elsewhere in the file is met there; numbers and such are plain values.
        waiting += (value for value in inner if isinstance(value, pikepdf.Object) and not value.is_indirect)


def _file_names(document: pikepdf.Pdf) -> dict[tuple[int, int], str]:
    """The names of embedded files, by the object that holds the content."""
    import pikepdf

    names: dict[tuple[int, int], str] = {}
    for found in document.objects:
        if not isinstance(found, pikepdf.Dictionary) or "/EF" not in found:
            continue
        name = str(found.get("/UF", found.get("/F", "")))
        files = found["/EF"]
        if isinstance(files, pikepdf.Dictionary):
            names.update(
                (file.objgen, name) for _key, file in files.items() if isinstance(file, pikepdf.Stream)
            )
    return names


def _stream(stream: pikepdf.Stream, name: str | None, budget: Budget) -> Iterator[Member | Fault]:
    import pikepdf

    is_file = name is not None or stream.get("/Type") == "/EmbeddedFile"
    number = f"object {stream.objgen[0]}"
    if stream.get("/Subtype") == "/Image" and not is_file:
        return
    try:
        taken, fault = _decoded(stream, budget)
    except streams.TooLarge:
        yield damaged(budget.refuse(budget.room + 1), name or number)
        return
    except pikepdf.PdfError as error:
        if is_file:
            yield damaged(str(error), name or number)
        return
    if is_file or kinds_of(taken) or true_type(taken, ()).startswith("application/"):
        yield Member(taken, name or number)
        if fault:
            yield damaged(fault, name or number)


def _decoded(stream: pikepdf.Stream, budget: Budget) -> tuple[bytes, str]:
    """The content of a stream, and what is wrong with it. Raises `TooLarge`, and `PdfError`."""
    import pikepdf

    filters = stream.get("/Filter")
    names = [str(filters)] if isinstance(filters, pikepdf.Name) else [str(one) for one in filters or ()]
    if not names or any(name not in _FLATE for name in names) or "/DecodeParms" in stream:
        taken, fault = stream.read_bytes(), ""
    else:
        # The library sets no bound to what comes out of a stream, and this filter is the one for bombs.
        taken, fault = stream.read_raw_bytes(), ""
        for _filter in names:
            taken, fault, _used = streams.expanded(streams.zlib_stream, memoryview(taken), budget.room)
    if len(taken) > budget.room:
        raise streams.TooLarge
    return taken, fault
