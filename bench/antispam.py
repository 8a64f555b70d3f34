"""What the spam filter costs by class of message: `python -m bench.antispam`.

CPU for one message of each class after another, the median and the 99th percentile: of reading it, and of
reading it and looking at it with the shipped database. Longer texts stand last: they shall cost as much more
as there is more of them. What the service leaves to isolated processes is measured here in one process.
Then the time until the database is loaded in a process of its own, and the memory of that process.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bench.messages import message
from gateway.bases.catalogue import open_set
from services.antispam.database.database import SHIPPED, load_database
from services.antispam.facts import Facts
from services.antispam.knowledge import Knowledge
from services.antispam.looking import look
from services.antispam.reading.reading import read_whole
from tests.support.attached import a_docx, a_pdf, a_qr, a_word, an_rtf, attached

TIMES = 200
"""Messages of a class, each of them another one where that can be."""

WORDS = "order meeting report invoice project delivery question answer customer product\n"

CLASSES: Mapping[str, Callable[[int], bytes]] = {
    "text, 5 KB": lambda number: message(number, "small"),
    "text and HTML, 30 KB": lambda number: message(number, "typical"),
    "the mix": lambda number: message(number, "mix")[: 1 << 20],
    "Word document": lambda number: attached(a_docx(WORDS * 100)),
    "old Word document": lambda number: attached(a_word(WORDS * 100)),
    "RTF": lambda number: attached(an_rtf(WORDS * 100)),
    "PDF": lambda number: attached(a_pdf(WORDS[:60])),
    "QR code": lambda number: attached(a_qr("https://target.example/")),
    "HTML, 10 KB": lambda number: _page(10),
    "HTML, 100 KB": lambda number: _page(100),
    "HTML, 1 MB": lambda number: _page(1000),
}
"""By name, the message of a number."""

FEW = 20
"""Messages of the classes that cost more."""

START = """
import time
begun = time.process_time()
from services.antispam import __main__
from gateway.bases.catalogue import open_set
from services.antispam.database.database import SHIPPED, load_database
database = load_database(open_set(SHIPPED))
database.look("some words", ("some words",))
print(time.process_time() - begun)
print(open("/proc/self/status").read())
"""


def main() -> None:
    """Measure and print."""
    knowledge = Knowledge(load_database(open_set(SHIPPED)))
    print(f"{'class':24} {'KB':>6} {'reading':>9} {'p99':>7} {'with checks':>12} {'p99':>7}   CPU ms")
    for name, made in CLASSES.items():
        messages = [made(number) for number in range(FEW if "MB" in name or "100" in name else TIMES)]
        reading = [_spent(partial(read_whole, raw)) for raw in messages]
        whole = [_spent(partial(_look, raw, knowledge)) for raw in messages]
        size = sum(map(len, messages)) / len(messages) / 1024
        print(
            f"{name:24} {size:6.0f} {_at(reading, 0.5):9.2f} {_at(reading, 0.99):7.2f}"
            f" {_at(whole, 0.5):12.2f} {_at(whole, 0.99):7.2f}"
        )
    answer = subprocess.run(
        (sys.executable, "-c", START), capture_output=True, text=True, check=True, cwd=Path.cwd()
    ).stdout
    seconds, _, status = answer.partition("\n")
    memory = int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024
    print(f"start: {float(seconds):.2f} s of CPU, {memory:.0f} MB")


def _look(raw: bytes, knowledge: Knowledge) -> None:
    look(read_whole(raw), knowledge, Facts(), expired=lambda: False)


def _page(kilobytes: int) -> bytes:
    row = f'<tr><td style="color:#333">{WORDS.strip()}</td><td><a href="https://www.shop.example/">x</a></td></tr>\n'
    head = "Subject: page\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<table>"
    return (head + row * (kilobytes * 1024 // len(row))).encode()


def _spent(work: Callable[[], object]) -> float:
    begun = time.thread_time()
    work()
    return 1000 * (time.thread_time() - begun)


def _at(spent: list[float], share: float) -> float:
    return sorted(spent)[int(share * (len(spent) - 1))]


if __name__ == "__main__":
    main()
