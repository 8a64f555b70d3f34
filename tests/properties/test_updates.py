"""What comes from update servers, and what an operator writes, is read or refused, whatever it is."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.bases.catalogue import Family, Manifest, UnusableSet, parse_manifest
from gateway.bases.refusals import Refusals
from gateway.bases.servers import SERVER_LIST, BadServerList, Server, in_order, read_servers

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["format", "set", "files"]), inner),
)


@given(st.binary() | JSON.map(msgspec.json.encode))
@example(b'{"more": ' + b"[" * 100_000)
@example(b'{"set": {"files": ' + b'[{"name": ' * 100_000)
def test_a_manifest_is_one_or_is_refused(content: bytes) -> None:
    with suppress(UnusableSet):
        assert isinstance(parse_manifest(content, "av/manifest.json"), Manifest)


@given(st.binary() | st.text().map(str.encode))
@example(b"<servers><server/></servers>")
@example(b"<servers>" * 10_000)
@example(b'<?xml version="1.0" encoding="none"?><servers/>')
def test_a_server_list_is_one_or_is_refused(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, SERVER_LIST).write_bytes(content)
        with suppress(BadServerList):
            assert all(server.url for server in read_servers(Path(folder)))


@given(st.lists(st.builds(Server, st.text(min_size=1), st.sampled_from(["", "eu", "us"]))))
def test_servers_of_the_region_come_first_and_all_keep_their_order(servers: list[Server]) -> None:
    asked = in_order(servers, "EU")

    near = [server.url for server in servers if server.region == "eu"]
    assert asked == near + [server.url for server in servers if server.region != "eu"]
    assert in_order(servers, "") == [server.url for server in servers]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"xy": {}}', b"\xff"])
def test_a_memory_of_refusals_that_is_damaged_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "refused.json").write_bytes(content)
    refusals = Refusals(tmp_path / "refused.json")

    assert refusals.reason(Family.ANTIVIRUS, "1") == ""
    for number in range(30):
        refusals.add(Family.ANTIVIRUS, f"{number:03}", "unfit")
    assert refusals.reason(Family.ANTIVIRUS, "029") == "unfit"
    assert refusals.reason(Family.ANTIVIRUS, "000") == ""  # the oldest are forgotten
