"""A bounded time of coverage-guided fuzzing, from the inputs that longer runs have found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "corpus" / "fuzz"

SECONDS = 10
"""Of trying new inputs, besides the time for those that are kept."""


READ = ROOT / "tests" / "corpus" / "antispam" / "reading"


def test_no_input_makes_the_scanner_raise_or_go_beyond_its_limits(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(CORPUS, corpus)
    check_inputs("tests.fuzz.harness", corpus, tmp_path)


def test_no_input_makes_the_spam_filter_raise_or_read_more_than_it_may(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for case in READ.glob("*.eml"):
        shutil.copy(case, corpus)
    check_inputs("tests.fuzz.reading", corpus, tmp_path)


def check_inputs(harness: str, corpus: Path, tmp_path: Path) -> None:
    options = (
        f"-max_total_time={SECONDS}",
        "-seed=1",
        "-max_len=8192",
        "-timeout=60",
        "-rss_limit_mb=3000",
        "-detect_leaks=0",
        f"-artifact_prefix={tmp_path}/found-",
    )

    ended = subprocess.run(
        (sys.executable, "-m", harness, corpus, *options),
        cwd=ROOT,
        capture_output=True,
        timeout=240,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr.decode("utf-8", "replace")[-4000:]
    assert b"Done " in ended.stderr
