from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scanner.cure.markup import disarm_html, disarm_svg

ACTIVE = re.compile(
    rb"<script|\son\w+\s*=|javascript:|vbscript:|<iframe|<object|<embed|<meta|<form|<base|behavior", re.I
)

PAGE = b"""\
<!DOCTYPE html><html><head><title>T</title><base href="https://evil.example/"><script>start()</script>
<meta http-equiv="refresh" content="0;url=javascript:go()"></head><body onload="go()">
<h1>Figures</h1><p style="color:red;behavior:url(x.htc)">Of the <b onclick='go()'>quarter</b>.</p>
<a href="https://www.office.example/">our page</a> <a href="java&#9;script:go()">not ours</a>
<table><tr><td colspan=2>1</td></tr></table><img src="cid:logo" onerror=go()>
<iframe src="https://evil.example/"></iframe><object data="a.swf"></object>
<form action="/x"><input name=a></form>
<svg><script>go()</script></svg><!--[if IE]><script>go()</script><![endif]--></body></html>"""


def test_active_content_of_a_page_is_gone_and_its_text_links_and_tables_stay() -> None:
    found = disarm_html(PAGE)

    assert ACTIVE.search(found) is None
    for kept in (
        b"<h1>Figures</h1>",
        b"quarter",
        b'href="https://www.office.example/"',
        b"not ours",
        b"cid:logo",
    ):
        assert kept in found
    assert b'colspan="2"' in found
    assert b"color" in found


@pytest.mark.parametrize("charset", ["utf-8", "koi8-r", "windows-1251", "utf-16"])
def test_the_text_of_a_page_stays_in_every_charset(charset: str) -> None:
    page = f'<html><head><meta charset="{charset}"></head><body><p>Отчёт за квартал</p></body></html>'

    found = disarm_html(page.encode(charset))

    assert found.isascii()
    assert "".join(f"&#{ord(letter)};" for letter in "Отчёт").encode() in found


PICTURE = b"""\
<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="go()">
<script>go()</script><rect width="9" height="9" onclick="go()" style="fill:red"/><text>The figures</text>
<a xlink:href="javascript:go()"><text>link</text></a><use xlink:href="#shape"/>
<image href="https://evil.example/track.png"/><style>@import url(https://evil.example/a.css);</style>
<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><iframe src="x"/></body></foreignObject></svg>"""


def test_active_content_of_a_picture_is_gone_and_its_shapes_and_texts_stay() -> None:
    found = disarm_svg(PICTURE)

    assert found is not None
    assert ACTIVE.search(found) is None
    assert b"evil.example" not in found
    texts = [
        element.text for element in ElementTree.fromstring(found).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert texts == ["The figures", "link"]
    assert b"fill:red" in found
    assert b'xlink:href="#shape"' in found


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg",
        b"<html/>",
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>',
    ],
)
def test_what_is_no_picture_is_left(content: bytes) -> None:
    assert disarm_svg(content) is None


@given(st.binary(max_size=300))
def test_nothing_makes_the_cure_fail_or_leaves_a_script(content: bytes) -> None:
    found = disarm_html(b"<p>" + content + b"<script>go()</script>")

    assert b"<script" not in found.lower()
    disarm_svg(content)
