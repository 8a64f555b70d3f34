from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bases.catalogue import UnusableSet
from gateway.bases.source import BadSource
from services.scanner.signatures.digests import Digests, parse_digests, write_digests

HEX = "AB" * 32


@given(st.dictionaries(st.binary(min_size=32, max_size=32), st.sampled_from(["Worm.A", "Trojan.B", "C"])))
def test_every_digest_of_a_list_is_found_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, threats: dict[bytes, str]
) -> None:
    path = tmp_path_factory.mktemp("digests") / "list"
    write_digests(path, threats)

    digests = Digests(path)

    assert len(digests) == len(threats)
    assert {digest: digests.threat(digest) for digest in threats} == threats
    assert digests.threat(sha256(b"something else").digest()) is None


@pytest.mark.parametrize("content", [b"", b"MWDIGESTS1", b"x" * 100])
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list").write_bytes(content)

    with pytest.raises(UnusableSet, match="is no list of digests"):
        Digests(tmp_path / "list")


def test_a_list_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    write_digests(tmp_path / "list", {sha256(b"1").digest(): "Worm.A", sha256(b"2").digest(): "Worm.B"})
    (tmp_path / "list").write_bytes((tmp_path / "list").read_bytes()[:-8])

    with pytest.raises(UnusableSet, match="is no list of digests"):
        Digests(tmp_path / "list")


def test_a_source_has_a_digest_and_a_name_on_each_line() -> None:
    source = ["# a comment", "", f"{HEX}  Worm.A", f"  {'cd' * 32}\tWorm.B  # seen in March"]

    assert parse_digests(source, "worms.sha256") == {b"\xab" * 32: "Worm.A", b"\xcd" * 32: "Worm.B"}


@pytest.mark.parametrize("line", ["Worm.A", HEX, f"{HEX[:-1]} Worm.A", f"{HEX} Worm A", f"{HEX} Wörm"])
def test_a_line_that_is_not_as_it_should_be_is_named(line: str) -> None:
    with pytest.raises(BadSource, match=r"worms\.sha256, line 2: "):
        parse_digests(["# worms", line], "worms.sha256")
