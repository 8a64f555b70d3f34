from __future__ import annotations

from pathlib import Path

import pytest

from gateway.domain.errors import ConfigError
from gateway.domain.template import Parent
from gateway.runtime.templates import DSN, PLACEHOLDER, load_template


def test_the_operators_file_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    file = tmp_path / "own.tmpl"
    file.write_text("gone: %OBJECT_NAME%\n")

    template = load_template(str(file), PLACEHOLDER)

    assert template.render({"OBJECT_NAME": ["a.exe"]}) == "gone: a.exe\r\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a\n%NAME\n", ":2: Unclosed macro"),
        (b"a\n\xff\n", ":2: the template is not UTF-8"),
        (b"a\n" * 5000, ":4097: Template is too long"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "own.tmpl"
    file.write_bytes(content)

    with pytest.raises(ConfigError) as refused:
        load_template(str(file), PLACEHOLDER)

    assert str(refused.value) == f"{file}{complaint}"


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "missing.tmpl"

    with pytest.raises(ConfigError, match=r"missing\.tmpl: the template cannot be read: No such file"):
        load_template(str(file), DSN)


def test_the_shipped_placeholder_names_the_object_and_the_reason() -> None:
    template = load_template("", PLACEHOLDER)

    text = template.render(
        {
            "HOSTNAME": ["mx.example"],
            "OBJECT_NAME": ["invoice.exe"],
            "STATUS": ["infected"],
            "VIRUS": ["One", "Two"],
            "QUEUE_ID": ["ABCDEFGH12345"],
        }
    )

    assert text == (
        'The mail gateway mx.example removed the attachment "invoice.exe".\r\n'
        "\r\n"
        "Reason: it is infected.\r\n"
        "Found: One\r\n"
        "Found: Two\r\n"
        "\r\n"
        "If you need the original, ask your administrator and name the message ABCDEFGH12345.\r\n"
    )


def test_the_shipped_dsn_tells_what_became_of_each_recipient() -> None:
    template = load_template("", DSN)

    text = template.render(
        {
            "HOSTNAME": ["mx.example"],
            "DSN_ACTION": ["failed"],
            "RECPT_ADDR": [
                Parent(
                    "user@b.example",
                    {
                        "DSN_ACTION": ["failed"],
                        "DSN_STATUS": ["5.1.1"],
                        "DSN_DIAGNOSTIC": ["550 5.1.1 no such user"],
                        "REMOTE_HOST": ["mx.b.example"],
                    },
                )
            ],
        }
    )

    assert "\r\n  user@b.example (5.1.1)\r\n    mx.b.example was asked to take it\r\n" in text
    assert "    The answer was: 550 5.1.1 no such user\r\n" in text
    assert "passed on" not in text
