"""Feeds the scanner with whatever leads to new paths through it.

`python -m tests.fuzz.harness FOLDER [OPTIONS]`: a corpus, and options of libFuzzer. It ends with an error at
the first input that makes the scanner raise or go beyond its limits, and leaves that input in a file.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["gateway.domain", "services.scanner"]):
    from gateway.domain.mime import Part, take_apart
    from services.scanner.engines.testfile import StandardTestFile
    from services.scanner.examination import examine
    from services.scanner.judging import Rules
    from services.scanner.objects.budget import Budget, Limits
    from services.scanner.objects.walking import Opening, outermost, walk

LIMITS = Limits(
    depth=6, objects=500, object_size=1 << 20, total_size=4 << 20, ratio=100, free_size=2 << 20, seconds=5
)
ENGINES = (StandardTestFile(),)


def look_at(content: bytes) -> None:
    """Have the scanner look at an input, as a message and as an object, and check what must always hold."""
    parts = take_apart(content)
    if _rebuilt(content, parts, 0) != content:
        raise AssertionError("a message put together from its parts is another one")
    found = examine(content, ENGINES, Rules(limits=LIMITS))
    if [one.part for one in found.objects] != [part for part in found.parts if not part.container]:
        raise AssertionError("a part was not looked at")

    objects, size = 0, 0
    for one in walk(outermost(content), Opening(), Budget(LIMITS)):
        if one.place and not one.faults:
            objects += 1
            size += len(one.content)
    if objects > LIMITS.objects or size > LIMITS.total_size:
        raise AssertionError(f"{objects} objects of {size} bytes came out")


def _rebuilt(message: bytes, parts: tuple[Part, ...], index: int) -> bytes:
    part = parts[index]
    pieces, position = [message[part.delimiter : part.body]], part.body
    for child_index, child in enumerate(parts):
        if child.parent == index:
            pieces += [message[position : child.delimiter], _rebuilt(message, parts, child_index)]
            position = child.end
    return b"".join([*pieces, message[position : part.end]])


if __name__ == "__main__":
    atheris.Setup(sys.argv, look_at)
    atheris.Fuzz()
