"""How files come from web servers and directories: whole, in parts, through proxies, never without end."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.bases.fetching import NotThere, Patience, SourceFailed, TooSlow, WebSource, open_source
from tests.support.update_server import UpdateHost, named, update_host

CONTENT = bytes(range(256)) * 4000
SIZE = len(CONTENT)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[UpdateHost]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "file").write_bytes(CONTENT)
    with update_host(tmp_path / "served") as serving:
        yield serving


def fetched(host: UpdateHost, part: Path, *, url: str = "", proxy: str = "") -> list[int]:
    """Fetch the file into `part`; what was told of the progress."""
    told: list[int] = []
    with WebSource(url or host.url, patience=Patience(), proxy=proxy) as source:
        source.fetch("file", part, SIZE, told.append)
    return told


def test_a_file_comes_whole_and_its_progress_is_told(host: UpdateHost, tmp_path: Path) -> None:
    told = fetched(host, tmp_path / "part")

    assert (tmp_path / "part").read_bytes() == CONTENT
    assert told == sorted(told)
    assert told[-1] == SIZE


def test_what_came_before_is_not_asked_for_again(host: UpdateHost, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT[:1000])

    fetched(host, tmp_path / "part")

    assert (tmp_path / "part").read_bytes() == CONTENT
    assert host.asked == ["/file bytes=1000-"]


def test_a_connection_that_breaks_is_made_again_and_the_rest_asked_for(
    host: UpdateHost, tmp_path: Path
) -> None:
    host.cut_after["file"] = 400_000

    fetched(host, tmp_path / "part")

    assert (tmp_path / "part").read_bytes() == CONTENT
    assert host.asked == ["/file", "/file bytes=400000-", "/file bytes=800000-"]


def test_a_server_without_ranges_sends_all_of_it_anew(host: UpdateHost, tmp_path: Path) -> None:
    host.ranges = False
    (tmp_path / "part").write_bytes(b"another beginning")

    fetched(host, tmp_path / "part")

    assert (tmp_path / "part").read_bytes() == CONTENT


def test_a_server_that_breaks_off_at_once_is_given_up(host: UpdateHost, tmp_path: Path) -> None:
    host.cut_after["file"] = 0

    with pytest.raises(SourceFailed):
        fetched(host, tmp_path / "part")

    assert len(host.asked) == 1


def test_a_server_that_breaks_off_again_and_again_is_given_up_and_what_came_is_kept(
    host: UpdateHost, tmp_path: Path
) -> None:
    host.cut_after["file"] = 10

    with pytest.raises(SourceFailed, match="again and again"):
        fetched(host, tmp_path / "part")

    assert (tmp_path / "part").read_bytes() == CONTENT[:50]


def test_a_part_that_is_longer_than_the_file_is_begun_anew(host: UpdateHost, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(bytes(SIZE + 1))

    fetched(host, tmp_path / "part")

    assert (tmp_path / "part").read_bytes() == CONTENT


def test_a_range_that_the_server_does_not_have_makes_it_begin_anew(host: UpdateHost, tmp_path: Path) -> None:
    host.contents["file"] = CONTENT[:500]
    (tmp_path / "part").write_bytes(bytes(1000))

    with pytest.raises(SourceFailed):
        fetched(host, tmp_path / "part")

    assert host.asked[:2] == ["/file bytes=1000-", "/file"]


def test_another_range_than_was_asked_for_is_refused(host: UpdateHost, tmp_path: Path) -> None:
    host.headers["Content-Range"] = "bytes 7-10/11"
    host.statuses["file"] = 206
    (tmp_path / "part").write_bytes(CONTENT[:1000])

    with pytest.raises(SourceFailed, match="another range"):
        fetched(host, tmp_path / "part")


def test_content_that_comes_packed_is_refused(host: UpdateHost, tmp_path: Path) -> None:
    host.headers["Content-Encoding"] = "gzip"

    with pytest.raises(SourceFailed, match="comes encoded"):
        fetched(host, tmp_path / "part")


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_there_is_told_from_a_server_that_fails(
    host: UpdateHost, tmp_path: Path, status: int
) -> None:
    host.statuses["file"] = status

    with pytest.raises(NotThere, match=str(status)):
        fetched(host, tmp_path / "part")
    host.statuses["file"] = 503
    with pytest.raises(SourceFailed, match="503 Service Unavailable"):
        fetched(host, tmp_path / "part")


def test_redirects_are_followed_a_few_times(host: UpdateHost, tmp_path: Path) -> None:
    with update_host(tmp_path / "served") as other:
        host.redirects["file"] = f"{other.url}file"
        fetched(host, tmp_path / "part")
        other.redirects["file"] = f"{host.url}file"

        with pytest.raises(SourceFailed, match="redirects"):
            fetched(host, tmp_path / "other")

    assert (tmp_path / "part").read_bytes() == CONTENT


def test_a_redirect_leads_to_no_file_of_this_machine(host: UpdateHost, tmp_path: Path) -> None:
    host.redirects["file"] = "file:///etc/passwd"

    with pytest.raises(SourceFailed):
        fetched(host, tmp_path / "part")


def test_a_server_may_want_basic_authentication(host: UpdateHost, tmp_path: Path) -> None:
    host.login = "site:secret word"

    fetched(host, tmp_path / "part", url=host.url.replace("//", "//site:secret%20word@"))
    with pytest.raises(SourceFailed, match="401") as refused:
        fetched(host, tmp_path / "other", url=host.url.replace("//", "//site:wrong@"))

    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize("form", ["http://{}@127.0.0.1:{}", "{}@127.0.0.1:{}"])
def test_a_proxy_is_asked_with_basic_authentication(host: UpdateHost, tmp_path: Path, form: str) -> None:
    host.proxies, host.login = True, "we:pass@word"

    fetched(
        host,
        tmp_path / "part",
        url="http://updates.example/",
        proxy=form.format("we:pass%40word", host.port),
    )

    assert host.hosts == ["updates.example"]
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_a_proxy_that_refuses_us_is_a_source_that_fails(host: UpdateHost, tmp_path: Path) -> None:
    host.proxies, host.login = True, "we:password"

    with pytest.raises(SourceFailed, match="407") as refused:
        fetched(
            host,
            tmp_path / "part",
            url="http://updates.example/",
            proxy=f"http://we:wrong@127.0.0.1:{host.port}",
        )

    assert "wrong" not in str(refused.value)


def test_the_environment_names_no_proxy(
    host: UpdateHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    fetched(host, tmp_path / "part")

    assert host.asked


def test_a_server_that_is_silent_is_not_waited_for(host: UpdateHost) -> None:
    host.silent = named("file")

    with (
        WebSource(host.url, patience=Patience(connect=0.1, silence=0.1)) as source,
        pytest.raises(TooSlow, match="silent"),
    ):
        source.read("file", SIZE)


def test_a_file_that_drips_is_given_up_by_the_clock_and_not_by_patience(host: UpdateHost) -> None:
    """A minute of a clock that is passed in, in each of which too little comes."""
    host.dripping = named("file")
    minutes = iter(range(0, 60_000, 60))
    source = WebSource(host.url, patience=Patience(), clock=lambda: float(next(minutes)))

    with source, pytest.raises(TooSlow, match="bytes in 60 s"):
        source.read("file", SIZE)


def test_small_files_have_a_bound(host: UpdateHost) -> None:
    with WebSource(host.url, patience=Patience()) as source:
        assert source.read("file", SIZE) == CONTENT
        with pytest.raises(SourceFailed, match="has more than"):
            source.read("file", SIZE - 1)


def test_a_server_of_tls_has_to_prove_its_name_and_cannot_send_us_away_from_tls(tmp_path: Path) -> None:
    from tests.support.certificates import authority, host_certificate

    context = ssl.create_default_context(cadata=authority().der)
    served = tmp_path / "served"
    served.mkdir()
    (served / "file").write_bytes(CONTENT)
    certified = host_certificate("127.0.0.1", by=authority()).server_context(tmp_path)
    with update_host(served, certified) as host, update_host(served) as plain:
        with WebSource(host.url, patience=Patience(), context=context) as source:
            assert source.read("file", SIZE) == CONTENT
        with (
            WebSource(host.url, patience=Patience()) as source,
            pytest.raises(SourceFailed, match="certificate"),
        ):
            source.read("file", SIZE)
        host.redirects["file"] = f"{plain.url}file"
        with (
            WebSource(host.url, patience=Patience(), context=context) as source,
            pytest.raises(SourceFailed, match="sends us on to http://"),
        ):
            source.read("file", SIZE)


def test_what_is_no_regular_file_is_not_read_from_a_directory(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    source = open_source(str(tmp_path), patience=Patience())

    with pytest.raises(NotThere, match="there is no such file"):
        source.read("pipe", 10)


@pytest.mark.parametrize("address", ["ftp://updates.example/", "updates.example", ""])
def test_other_addresses_are_no_sources(address: str) -> None:
    with pytest.raises(SourceFailed, match="use a directory, file://, http:// or https://"):
        open_source(address, patience=Patience())
