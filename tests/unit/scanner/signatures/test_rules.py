from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.bases.catalogue import UnusableSet
from gateway.bases.source import BadSource
from gateway.domain.policy import ObjectStatus
from services.scanner.signatures import rules as module
from services.scanner.signatures.rules import Rules, ScanFailed, compile_rules, read_rules
from tests.support.signatures import a_rule

WORM = a_rule('"worm"', threat="Worm.A")


def compiled(*sources: str) -> Rules:
    return compile_rules({f"{number}.yar": source for number, source in enumerate(sources)})


def test_a_rule_says_what_it_found_and_how_bad_that_is() -> None:
    rules = compiled(WORM, a_rule('"wo"', threat="Odd.B", status="suspicious"))

    assert rules.match(b"a worm", "") == (
        ("Worm.A", ObjectStatus.INFECTED),
        ("Odd.B", ObjectStatus.SUSPICIOUS),
    )
    assert rules.match(b"an apple", "") == ()
    assert len(rules) == 2


def test_a_rule_may_ask_for_the_name_of_the_object() -> None:
    rules = compiled(a_rule(condition='object_name iendswith ".EXE"', threat="Program"))

    assert rules.match(b"", "setup.exe") == (("Program", ObjectStatus.INFECTED),)
    assert rules.match(b"", "setup.txt") == ()


def test_a_name_of_half_characters_is_a_name_too() -> None:
    assert compiled(WORM).match(b"worm", "a\udc80.txt")


def test_rules_that_were_kept_match_the_same(tmp_path: Path) -> None:
    compiled(WORM).write(tmp_path / "rules")

    assert read_rules(tmp_path / "rules").match(b"worm", "") == (("Worm.A", ObjectStatus.INFECTED),)


@pytest.mark.parametrize("content", [b"", b"no rules at all", b"YARA-X\0\0\xff\xff\0\0"])
def test_kept_rules_that_cannot_be_read_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rules").write_bytes(content)

    with pytest.raises(UnusableSet):
        read_rules(tmp_path / "rules")


def test_rules_that_take_contents_apart_say_so() -> None:
    assert not compiled(WORM).parse
    assert compiled('import "pe"\n' + a_rule(condition="pe.is_pe", threat="Program")).parse


def test_rules_that_need_too_long_are_given_up_and_match_again_afterwards() -> None:
    # Every place of the content is compared with every other one.
    endless = "for any i in (0..filesize) : (for any j in (0..filesize) : (uint8(i) + uint8(j) == 300))"
    rules = compiled(WORM, a_rule(condition=endless, threat="Slow"))

    with pytest.raises(ScanFailed, match="no end of the rules within 1 s"):
        rules.match(b"a" * 200_000, "", within=1)

    assert rules.match(b"worm", "", within=1) == (("Worm.A", ObjectStatus.INFECTED),)


def test_a_fault_inside_the_machine_is_a_failed_scan_and_no_end_of_the_service() -> None:
    rules = compiled(WORM)
    assert rules.match(b"worm", "")
    machine = module._MACHINE.scanner  # it panics when another thread uses it
    failed: list[str] = []

    def match_elsewhere() -> None:
        module._MACHINE.rules, module._MACHINE.scanner = rules._compiled, machine
        try:
            rules.match(b"worm", "")
        except ScanFailed as problem:
            failed.append(str(problem))

    thread = threading.Thread(target=match_elsewhere)
    thread.start()
    thread.join()

    assert failed[0].startswith("fault in the rules' machine: ")
    assert rules.match(b"worm", "")


def test_threads_match_the_same_rules_each_for_itself() -> None:
    rules = compiled(WORM)

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda content: rules.match(content, ""), [b"worm", b"apple"] * 20))

    assert found == [(("Worm.A", ObjectStatus.INFECTED),), ()] * 20


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("rule x {", "error"),
        ("rule x { condition: true }", "required metadata `"),
        (a_rule(condition="true", threat="two words"), "metadata `threat` is not valid"),
        (a_rule(condition="true", threat="T", status="bad"), "metadata `status` is not valid"),
        (a_rule("/.{1,9}/", threat="T"), "slow pattern"),
        ('include "other.yar"', "include"),
        (WORM + WORM, "duplicate rule"),
    ],
)
def test_a_source_that_is_not_right_is_refused_with_its_place(source: str, said: str) -> None:
    with pytest.raises(BadSource, match=r"mine\.yar:\d+:\d+") as refused:
        compile_rules({"mine.yar": source})

    assert said in str(refused.value)
