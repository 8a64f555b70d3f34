from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import services.scanner.engines.testfile as module
from gateway.domain.policy import ObjectStatus
from services.scanner.engines.port import CLEAN, Deletion, Sample
from services.scanner.engines.testfile import StandardTestFile
from tests.support.parts import TEST_FILE

ENGINE = StandardTestFile()


@pytest.mark.parametrize(
    ("prefix", "status", "cured", "deletion"),
    [
        (b"", ObjectStatus.INFECTED, None, Deletion.UNLESS_CURED),
        (b"CORR-", ObjectStatus.ERROR, None, Deletion.BY_POLICY),
        (b"SUSP-", ObjectStatus.SUSPICIOUS, None, Deletion.BY_POLICY),
        (b"WARN-", ObjectStatus.SUSPICIOUS, None, Deletion.BY_POLICY),
        (b"ERRO-", ObjectStatus.ERROR, None, Deletion.BY_POLICY),
        (b"CURE-", ObjectStatus.INFECTED, b"CURE", Deletion.BY_POLICY),
        (b"DELE-", ObjectStatus.INFECTED, None, Deletion.ALWAYS),
    ],
)
def test_each_prefix_stands_for_what_the_manual_says(
    prefix: bytes, status: ObjectStatus, cured: bytes | None, deletion: Deletion
) -> None:
    result = ENGINE.judge(Sample(prefix + TEST_FILE, "eicar.com"))

    assert (result.status, result.cured, result.deletion) == (status, cured, deletion)
    assert bool(result.cause) is (status is ObjectStatus.ERROR)
    assert bool(result.threats) is not (status is ObjectStatus.ERROR)


@pytest.mark.parametrize("end", [b"\r\n", b" \t\r\n\x1a", b" " * 60])
def test_white_space_may_follow(end: bytes) -> None:
    assert ENGINE.judge(Sample(b"CURE-" + TEST_FILE + end)).cured == b"CURE"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        TEST_FILE[:-1],
        b" " + TEST_FILE,
        b"XXXX-" + TEST_FILE,
        b"cure-" + TEST_FILE,
        b"CURE-CURE-" + TEST_FILE,
        TEST_FILE + b"x",
        TEST_FILE + b"\r\n-- \r\nsignature",
        TEST_FILE + b" " * 61,
        b"the string is " + TEST_FILE,
    ],
    ids=range(11),
)
def test_what_only_resembles_the_test_file_is_clean(content: bytes) -> None:
    assert ENGINE.judge(Sample(content, "eicar.com")) == CLEAN


@given(st.binary())
def test_other_content_is_clean(content: bytes) -> None:
    assert ENGINE.judge(Sample(content)) == CLEAN


def test_no_file_of_ours_holds_the_string_in_one_piece() -> None:
    source = Path(module.__file__)
    compiled = compile(source.read_bytes(), str(source), "exec")

    assert TEST_FILE not in source.read_bytes()
    assert TEST_FILE not in Path(__file__).read_bytes()
    assert not any(constant == TEST_FILE for constant in compiled.co_consts)
