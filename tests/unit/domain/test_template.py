from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.template import (
    LONGEST_OUTPUT,
    LONGEST_TEMPLATE,
    Macros,
    Parent,
    TemplateError,
    compile_template,
)

CASES = Path(__file__).parents[2] / "corpus" / "templates"
RENDERED = sorted(path.stem for path in CASES.glob("*.json"))
REFUSED = sorted(path.stem for path in CASES.glob("*.error"))


@pytest.mark.parametrize("case", RENDERED)
def test_a_template_renders_as_its_case_says(case: str) -> None:
    template = compile_template(_read(f"{case}.tmpl"))
    macros = _macros(json.loads(_read(f"{case}.json")))

    rendered = template.render(macros)

    assert rendered == _read(f"{case}.txt").replace("\n", "\r\n")


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_template_is_refused_as_its_case_says(case: str) -> None:
    with pytest.raises(TemplateError) as refused:
        compile_template(_read(f"{case}.tmpl"))

    assert str(refused.value) == _read(f"{case}.error").strip()


def test_line_ends_of_the_file_do_not_matter() -> None:
    template = compile_template('a\r\n<DEF X = "1"/>\\\r\n%X%\r\n')

    assert template.render({}) == "a\r\n1\r\n"


def test_what_is_rendered_is_cut_at_its_bound() -> None:
    template = compile_template('<FOR A == "*">%LONG%</FOR>')

    rendered = template.render({"A": ["x"] * 100, "LONG": ["y" * 10_000]})

    assert rendered.endswith("yyy\r\n[...]\r\n")
    assert len(rendered) <= LONGEST_OUTPUT + 20


def test_loops_without_output_end_too() -> None:
    loops = "".join(f'<FOR N{number} == "*">' for number in range(8))
    template = compile_template(loops + "</FOR>" * 8)

    rendered = template.render({f"N{number}": ["x"] * 100 for number in range(8)})

    assert rendered == "\r\n[...]\r\n"


def test_a_mask_of_many_stars_is_decided_at_once() -> None:
    template = compile_template(f'<FOR A == "{"*a" * 1000}b">never</FOR>')

    assert template.render({"A": ["a" * 100_000]}) == ""


@given(st.text(alphabet='ab%<>/"\\#=! \nFORDE*-', max_size=80))
def test_any_text_compiles_or_is_refused_with_a_line_of_it(text: str) -> None:
    refused_in = _line_refused(text)

    assert refused_in is None or 1 <= refused_in <= text.count("\n") + 1


@given(
    st.text(
        st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]),
        max_size=LONGEST_TEMPLATE // 8,
    )
)
def test_escaped_text_comes_out_as_it_was(text: str) -> None:
    escaped = "".join(f"\\{char}" if char in "\\%/<>#" else char for char in text)

    assert compile_template(escaped).render({}) == text


def _line_refused(text: str) -> int | None:
    try:
        compile_template(text).render({"a": ["b", "a"]})
    except TemplateError as refused:
        return refused.line
    return None


def _read(name: str) -> str:
    return (CASES / name).read_text("utf-8")


def _macros(values: dict[str, Any]) -> Macros:
    return {
        name: [
            one if isinstance(one, str) else Parent(one["text"], _macros(one["children"])) for one in several
        ]
        for name, several in values.items()
    }
