from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.mtasts import LONGEST_AGE, MOST_PATTERNS, Mode, StsPolicy, identity_of, parse_policy

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mail.b.example\r\nmx: *.B.example.\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    ("texts", "identity"),
    [
        ([b"v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        ([b"v=STSv1;id=1"], "1"),
        ([b"v=STSv1 ; other=2; id = 7 ; more=3"], "7"),
        ([b"v=spf1 -all", b"v=STSv1; id=1;"], "1"),
        ([], None),
        ([b"v=STSv1; id=1;", b"v=STSv1; id=2;"], None),
        ([b"v=STSv1;"], None),
        ([b"v=STSv1; id=not-allowed;"], None),
        ([b"v=STSv1; id=;"], None),
        ([b"v=STSv1; id=" + b"1" * 33], None),
        ([b"v=STSv2; id=1;"], None),
        ([b" v=STSv1; id=1;"], None),
        ([b"V=STSv1; id=1;"], None),
    ],
)
def test_a_policy_is_announced_by_one_record_with_an_id(texts: list[bytes], identity: str | None) -> None:
    assert identity_of(texts) == identity


def test_a_policy_names_its_mail_servers() -> None:
    assert parse_policy(POLICY) == StsPolicy(Mode.ENFORCE, 604800, ("mail.b.example", "*.b.example"))


@pytest.mark.parametrize(
    ("content", "policy"),
    [
        (b"version: STSv1\nmode: none\nmax_age: 0", StsPolicy(Mode.NONE, 0)),
        (
            b"mode:testing\nfuture: 1\n\nmx:a.example\nversion:STSv1\nmax_age:1\nmode: enforce\n",
            StsPolicy(Mode.TESTING, 1, ("a.example",)),
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 9999999999\n",
            StsPolicy(Mode.ENFORCE, LONGEST_AGE, ("a.example",)),
        ),
    ],
)
def test_a_policy_may_be_written_in_many_ways(content: bytes, policy: StsPolicy) -> None:
    assert parse_policy(content) == policy


@pytest.mark.parametrize(
    "content",
    [
        b"",
        POLICY.replace(b"STSv1", b"STSv2"),
        POLICY.replace(b"enforce", b"always"),
        POLICY.replace(b"604800", b"a week"),
        POLICY.replace(b"604800", b"-1"),
        POLICY.replace(b"604800", "٣".encode()),
        POLICY.replace(b"max_age", b"age"),
        POLICY.replace(b"mx: ", b"hosts: "),
        POLICY.replace(b"mail.b.example", b""),
        POLICY.replace(b"mail.b.example", b"*"),
        POLICY.replace(b"mail.b.example", b"a.*.b.example"),
        POLICY.replace(b"mail.b.example", b"mail b"),
        POLICY + b"what is this\r\n",
        POLICY + b"mx: more.example\r\n" * MOST_PATTERNS,
        b"\xff" + POLICY,
        b"<html>not found</html>",
    ],
)
def test_what_is_no_policy_is_none(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_policy(content)


@given(st.binary(max_size=200))
def test_nothing_else_comes_of_any_content(content: bytes) -> None:
    try:
        policy = parse_policy(POLICY + content)
    except ValueError:
        return

    assert policy.patterns[:2] == ("mail.b.example", "*.b.example")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mail.b.example", True),
        ("MAIL.B.example", True),
        ("any.b.example", True),
        ("two.labels.b.example", False),
        ("b.example", False),
        ("mail.c.example", False),
        ("mail.b.example.evil.example", False),
        ("192.0.2.1", False),
    ],
)
def test_a_pattern_stands_for_one_label(host: str, allowed: bool) -> None:
    assert parse_policy(POLICY).allows(host) is allowed
