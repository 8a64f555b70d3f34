from __future__ import annotations

from pathlib import Path

import pytest

from gateway.bases.catalogue import (
    BaseSet,
    UnusableSet,
    describe_file,
    make_manifest,
    open_set,
    write_manifest,
)
from gateway.bases.source import BadSource
from gateway.domain.policy import ObjectStatus
from gateway.licences.revocations import read_list, write_list
from services.scanner.engines.port import CLEAN, EngineResult, Sample
from services.scanner.signatures.building import build_set
from services.scanner.signatures.signatures import COMPILED_RULES, RULES, Signatures, load_signatures
from tests.support.bases import MADE_AT
from tests.support.licences import MAKER, SIGNERS
from tests.support.signatures import a_rule, signatures_in_use

WORM = a_rule('"worm"', threat="Worm.A")
ODD = a_rule('"wo"', threat="Odd.B", status="suspicious")


def judged(signatures: Signatures, content: bytes, name: str = "") -> EngineResult:
    return signatures.judge(content, name, Sample(content).digest)


def in_place_of(source: BaseSet, name: str, content: bytes | None) -> BaseSet:
    """The set with another file under that name, or none, and a manifest that fits."""
    path = source.folder / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    files = [describe_file(found) for found in source.folder.iterdir() if found.name != "manifest.json"]
    write_manifest(source.folder, make_manifest(source.manifest.family, MADE_AT, files))
    return open_set(source.folder)


def test_a_list_of_revoked_keys_among_the_sources_comes_with_the_set(tmp_path: Path) -> None:
    sources, made = tmp_path / "sources", tmp_path / "set"
    for folder in (sources, made):
        folder.mkdir()
    (sources / "rules.yar").write_text(WORM)
    (sources / "revoked.list").write_text(write_list(1, ["A"], MAKER))

    build_set(sources, made, MADE_AT)

    revoked = read_list((open_set(made).folder / "revoked.list").read_bytes(), SIGNERS)
    assert revoked.serials == {"A"}
    assert judged(load_signatures(open_set(made)), b"worm").threats == ("Worm.A",)


def test_a_set_knows_the_rules_and_the_digests_of_its_sources(tmp_path: Path) -> None:
    source = signatures_in_use(tmp_path / "av", WORM, ODD, contents={b"a known virus": "Virus.C"})

    signatures = load_signatures(open_set(source.folder))

    assert source.manifest.records == 3
    assert judged(signatures, b"an apple") == CLEAN
    assert judged(signatures, b"a worm") == EngineResult(ObjectStatus.INFECTED, ("Worm.A", "Odd.B"))
    assert judged(signatures, b"wool") == EngineResult(ObjectStatus.SUSPICIOUS, ("Odd.B",))
    assert judged(signatures, b"a known virus") == EngineResult(ObjectStatus.INFECTED, ("Virus.C",))


@pytest.mark.parametrize("content", [None, b"of another version"])
def test_rules_are_compiled_anew_where_the_compiled_ones_cannot_be_read(
    tmp_path: Path, content: bytes | None
) -> None:
    source = in_place_of(signatures_in_use(tmp_path / "av", WORM), COMPILED_RULES, content)

    assert judged(load_signatures(source), b"a worm").threats == ("Worm.A",)


def test_a_set_whose_rules_cannot_be_compiled_either_is_unusable(tmp_path: Path) -> None:
    source = in_place_of(signatures_in_use(tmp_path / "av", WORM), COMPILED_RULES, None)
    source = in_place_of(source, RULES, b"rule {")

    with pytest.raises(UnusableSet, match=r"rules\.yar"):
        load_signatures(source)


def test_equal_sources_make_equal_sets(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "worms.yar").write_text(WORM)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()

    one, two = (
        build_set(tmp_path / "sources", tmp_path / name, MADE_AT, portable=True) for name in ("one", "two")
    )

    assert one == two


def test_sources_that_hold_nothing_make_no_set(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="holds neither rules"):
        build_set(tmp_path, tmp_path, MADE_AT)


def test_a_source_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "worms.yar").write_bytes(b"\xff\xfe")

    with pytest.raises(BadSource, match=r"worms\.yar"):
        build_set(tmp_path, tmp_path, MADE_AT)
