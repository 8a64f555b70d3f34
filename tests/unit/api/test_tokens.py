from __future__ import annotations

from pathlib import Path

import pytest

from services.api.tokens import Holder, Role, TokenFile, digest_of, line_of, main, new_token, parse_line


def test_a_line_names_the_holder_of_a_token() -> None:
    token = new_token()

    assert parse_line(line_of("console", Role.VIEWER, token)) == Holder(
        "console", Role.VIEWER, digest_of(token)
    )


@pytest.mark.parametrize(
    "line",
    [
        "console viewer",
        f"console king sha256:{'0' * 64}",
        "console viewer sha256:00",
        f"viewer sha256:{'0' * 64}",
    ],
)
def test_other_lines_name_nobody(line: str) -> None:
    assert parse_line(line) is None


def test_tokens_differ_and_are_long() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)


def test_the_file_keeps_no_token() -> None:
    token = new_token()

    assert token not in line_of("console", Role.VIEWER, token)


def test_a_holder_is_known_by_the_token(tmp_path: Path) -> None:
    mine, other = new_token(), new_token()
    path = tmp_path / "tokens"
    path.write_text(f"# who\n\n{line_of('a', Role.VIEWER, mine)}\n{line_of('b', Role.VIEWER, other)}\n")
    tokens = TokenFile(path)

    names = [holder.name for token in (mine, other) if (holder := tokens.holder_of(token))]

    assert names == ["a", "b"]
    assert tokens.holder_of(new_token()) is None
    assert tokens.holder_of("") is None


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    token, path = new_token(), tmp_path / "tokens"
    tokens = TokenFile(path)
    before = tokens.holder_of(token)
    path.write_text(line_of("a", Role.VIEWER, token))
    during = tokens.holder_of(token)
    path.unlink()
    after = tokens.holder_of(token)

    assert before is None
    assert during
    assert after is None


@pytest.mark.parametrize(
    ("path", "said"), [(None, "no TokenFile"), (Path("/nowhere/tokens"), "/nowhere/tokens")]
)
def test_without_a_file_nobody_is_known_and_the_log_says_so_once(
    path: Path | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = TokenFile(path)
    known = [tokens.holder_of("x") for _ in range(3)]

    assert known == [None] * 3
    assert len(caplog.messages) == 1
    assert said in caplog.messages[0]


def test_a_bad_line_is_named_and_the_others_count(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    token, path = new_token(), tmp_path / "tokens"
    path.write_bytes(b"rubbish \xff\n" + line_of("a", Role.VIEWER, token).encode())

    holder = TokenFile(path).holder_of(token)

    assert holder
    assert f"{path}, line 1" in caplog.text
    assert "rubbish" not in caplog.text


def test_the_maker_prints_a_token_and_the_line_that_makes_it_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["console", "--role", "viewer"])
    token, line = (said.partition(":")[2].strip() for said in capsys.readouterr().out.splitlines())
    (tmp_path / "tokens").write_text(line)

    assert code == 0
    holder = TokenFile(tmp_path / "tokens").holder_of(token)
    assert holder
    assert holder.name == "console"


def test_the_maker_takes_no_name_that_would_break_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["two words"])

    assert "at most 64" in capsys.readouterr().err


def test_the_maker_keeps_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tokens"
    for name, role in (("console", "viewer"), ("night", "administrator"), ("console", "operator")):
        assert main([name, "--role", role, "--file", str(path)]) == 0
    tokens = [line.split()[-1] for line in capsys.readouterr().out.splitlines() if line.startswith("Token")]
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with path.open("a") as file:
        file.write("# a remark\n")

    assert main(["--list", "--file", str(path)]) == 0
    assert capsys.readouterr().out == "console viewer\nnight administrator\nconsole operator\n"
    assert main(["--revoke", "console", "--file", str(path)]) == 0
    assert main(["--revoke", "console", "--file", str(path)]) == 1

    known = [bool(TokenFile(path).holder_of(token)) for token in tokens]
    assert known == [False, True, False]
    assert path.read_text().endswith("# a remark\n")
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "arguments", [[], ["--list"], ["--revoke", "a"], ["a", "--list", "--file", "x"], ["a b"]]
)
def test_the_maker_refuses_what_means_nothing(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
