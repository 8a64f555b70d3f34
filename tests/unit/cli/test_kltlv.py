from __future__ import annotations

from pathlib import Path

import pytest

from cli.kltlv import Code, main
from gateway.domain.macros import MACROS
from gateway.domain.template import compile_template, names_in

CASES = Path(__file__).parents[2] / "corpus" / "templates"
SHIPPED = Path(__file__).parents[3] / "gateway" / "templates"


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("case", sorted(path.stem for path in CASES.glob("*.error")))
def test_a_mistake_is_named_with_its_line(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(CASES / f"{case}.tmpl")]) == Code.BAD_SYNTAX
    assert last_line(capsys) == f"Parsing error: {(CASES / f'{case}.error').read_text().strip()}"


@pytest.mark.parametrize("template", sorted(SHIPPED.glob("*.tmpl")), ids=lambda path: path.name)
def test_what_ships_is_correct_and_names_no_unknown_macro(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(template)]) == Code.CORRECT

    told = capsys.readouterr().out

    assert told.splitlines()[-1] == "Template syntax is correct"
    assert "Warning" not in told


def test_an_unknown_macro_is_a_warning_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.tmpl"
    file.write_text('From %SENDER_ADDR%\n<DEF MINE = "1"/>%MINE%\n%SENDER%\n<FOR NOBODY != "">x</FOR>\n')

    assert main([str(file)]) == Code.CORRECT
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Warning: Unknown macro SENDER, line 3",
        "Warning: Unknown macro NOBODY, line 4",
        "Template syntax is correct",
    ]


def test_text_that_is_not_utf_8_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.tmpl"
    file.write_bytes(b"one\ntwo \xff\n")

    assert main([str(file)]) == Code.BAD_SYNTAX
    assert last_line(capsys) == "Parsing error: Text is not UTF-8, line 2"


def test_a_file_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere.tmpl")]) == Code.UNREADABLE
    assert "No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["a", "b"], ["--strange", "a"]])
def test_options_that_make_no_sense_are_told(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options) == Code.BAD_OPTIONS
    assert "Usage: kltlv" in capsys.readouterr().err


def test_names_are_those_that_somebody_has_to_give_a_value_to() -> None:
    template = compile_template('%A%<DEF B = "1"/>%B%<FOR C == "*">%C%%D%<DEF E = "2"/>%E%</FOR>%E%%CRLF%')

    assert names_in(template.nodes) == {"A", "C", "D", "E"}


def test_each_macro_says_what_it_stands_for() -> None:
    assert all(MACROS.values())


def test_the_page_about_templates_names_all_macros() -> None:
    page = (SHIPPED.parents[1] / "docs" / "reference" / "templates.md").read_text()

    assert all(f"| `%{name}%` | {meaning} |" in page for name, meaning in MACROS.items())
