from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.parameters import Parameter, parse


@pytest.mark.parametrize(
    ("value", "head", "names"),
    [
        (b"Text/HTML", "text/html", {}),
        (b"attachment; FileName=a.txt", "attachment", {"filename": "a.txt"}),
        (b'a/b; name="x;y=z"; charset=utf-8', "a/b", {"name": "x;y=z", "charset": "utf-8"}),
        (b'a/b; name="open; charset=x', "a/b", {"name": "open; charset=x"}),
        (b"a/b;; ;name = two words ;", "a/b", {"name": "two words"}),
        (b"a/b; name=first; name=second", "a/b", {"name": "first"}),
        (b"a/b charset=x; name=y", "a/b", {"charset": "x", "name": "y"}),
        (b"name=x", "", {"name": "x"}),
        (b"a/b; name=plain; name*=utf-8''ext%20ended", "a/b", {"name": "ext ended"}),
        (b"a/b; name*0=a; name*1=b; name*3=d", "a/b", {"name": "ab"}),
        (b"a/b; name*1=b", "a/b", {}),
        (b"a/b; name*=no-such-charset''%E9", "a/b", {"name": "é"}),
        (b"a/b; name*=%E2%82%AC", "a/b", {"name": "€"}),
        (b"a/b; name=folded\r\n here", "a/b", {"name": "folded here"}),
        (b"", "", {}),
        (b"=", "", {}),
        (b" = ;", "", {}),
    ],
)
def test_a_value_is_a_token_and_its_parameters(value: bytes, head: str, names: dict[str, str]) -> None:
    found, parameters = parse(value)

    assert (found, {name: parameter.text for name, parameter in parameters.items()}) == (head, names)


@given(
    st.lists(
        st.one_of(st.binary(max_size=6), st.sampled_from([b";", b'"', b"=", b"*0*", b"''", b"name", b"\\"]))
    )
)
def test_any_value_can_be_read(pieces: list[bytes]) -> None:
    head, parameters = parse(b"".join(pieces))

    for text in (head, *(parameter.text for parameter in parameters.values())):
        text.encode()


@given(
    st.binary(max_size=20),
    st.sampled_from(["utf-7", "utf-16-le", "idna", "punycode", "unicode_escape", "hex", "\0"]),
)
def test_any_charset_gives_text(content: bytes, charset: str) -> None:
    Parameter(content, charset).text.encode()


def test_what_only_python_calls_a_charset_is_none() -> None:
    assert Parameter(rb"\x41.exe", "unicode_escape").text == r"\x41.exe"
