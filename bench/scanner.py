"""What the scanner costs by class of message, besides its engines: `python -m bench.scanner`.

CPU of the service and of the confined process that opens containers, for one message of each class after
another, and how much memory each of the two needs at most.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pybit7z
import uvloop

from bench.messages import message
from gateway.blobs.memory import MemoryBlobs
from gateway.domain.mail import BodyRef
from gateway.runtime.isolation import IsolationPool
from services.scanner.engines.panel import Panel
from services.scanner.judging import Rules
from services.scanner.look import Means
from services.scanner.looking import Body, Examiner
from tests.support.archives import a_tar, a_zip, by_7zip, zipped
from tests.support.documents import a_pdf, an_embedding_document
from tests.support.parts import a_message, a_text, an_attachment

SECONDS = 0.5
"""Of work for each class, at least."""
MOST = 300
"""Messages of one class: then a confined process would be replaced."""


def _attached(content: bytes, name: str) -> bytes:
    return a_message(a_text(b"Here it is.\r\n" * 100), an_attachment(content, name))


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _in_7z(content: bytes) -> bytes:
    return by_7zip(pybit7z.FormatSevenZip, {"figures.tar": content})


def _document(size: int) -> bytes:
    parts = {f"word/part{number}.xml": b"<w:p>some words of text</w:p>" * 300 for number in range(12)}
    return zipped({"[Content_Types].xml": b"<Types/>", "word/media/image.png": _noise(size), **parts})


CLASSES: Mapping[str, Callable[[], bytes]] = {
    "text, 5 KB": lambda: message(1, "small"),
    "text and HTML, 30 KB": lambda: message(1, "typical"),
    "attachment, 100 KB": lambda: _attached(_noise(100_000), "figures.dat"),
    "attachment, 1 MB": lambda: _attached(_noise(1_000_000), "figures.dat"),
    "attachment, 10 MB": lambda: _attached(_noise(10_000_000), "figures.dat"),
    "zip, 20 KB": lambda: _attached(a_zip(_noise(20_000)), "figures.zip"),
    "zip, 1 MB": lambda: _attached(a_zip(_noise(1_000_000)), "figures.zip"),
    "zip in tar in 7z, 100 KB": lambda: _attached(_in_7z(a_tar(a_zip(_noise(100_000)))), "figures.7z"),
    "Word document, 100 KB": lambda: _attached(_document(80_000), "report.docx"),
    "old Word document, 100 KB": lambda: _attached(an_embedding_document(_noise(100_000)), "report.doc"),
    "PDF with a file, 100 KB": lambda: _attached(a_pdf(_noise(100_000)), "report.pdf"),
}


async def main() -> None:
    """Measure and print."""
    print(f"{'class':28} {'service ms':>10} {'process ms':>10} {'wall ms':>8} {'process MB':>10}")
    for name, made in CLASSES.items():
        pool = IsolationPool(processes=1, preload=("services.scanner.examination",))
        await _measure(name, made(), Examiner(Means(Panel((), ()), pool, Rules(), 60.0, None)))
        await pool.close()


async def _measure(name: str, content: bytes, examiner: Examiner) -> None:
    blobs = MemoryBlobs()
    service = psutil.Process()
    count, number = 1, 0
    while True:
        inside = service.children()
        before = _cpu(service), sum(map(_cpu, inside)), time.perf_counter()
        for _ in range(count):
            number += 1
            reference = BodyRef(f"{name}{number}-a", len(content))
            blobs.store(reference.name, content)
            await examiner.examine(Body(blobs, reference))
            await blobs.remove(reference.name)
        after = _cpu(service), sum(map(_cpu, inside)), time.perf_counter()
        if (after[2] - before[2] > SECONDS and count > 1) or number > MOST:
            break
        count *= 4
    spent = [1000 * (end - start) / count for start, end in zip(before, after, strict=True)]
    memory = sum(map(_most_megabytes, inside))
    print(f"{name:28} {spent[0]:10.2f} {spent[1]:10.2f} {spent[2]:8.2f} {memory:10.0f}")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _most_megabytes(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024


if __name__ == "__main__":
    uvloop.run(main())
