from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from services.receiver.proxy import MOST_BYTES, MalformedHeader, ProxyHeader, parse_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FROM_1_TO_2 = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + b"\x04\xd2\x00\x19"
IPV6 = IPv6Address("2001:db8::1").packed + IPv6Address("2001:db8::2").packed + b"\x04\xd2\x00\x19"
MAPPED = IPv6Address("::ffff:192.0.2.1").packed * 2 + b"\x04\xd2\x00\x19"


def version_2(command: int, family: int, content: bytes, size: int | None = None) -> bytes:
    length = len(content) if size is None else size
    return SIGNATURE + bytes([command, family]) + length.to_bytes(2, "big") + content


CLIENTS = {
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\n": IPv4Address("192.0.2.1"),
    b"PROXY TCP6 2001:db8::1 2001:DB8::2 0 65535\r\n": IPv6Address("2001:db8::1"),
    b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n": IPv4Address("192.0.2.1"),
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n": None,
    version_2(0x21, 0x11, FROM_1_TO_2): IPv4Address("192.0.2.1"),
    version_2(0x21, 0x11, FROM_1_TO_2 + b"\x03\x00\x04abcd"): IPv4Address("192.0.2.1"),
    version_2(0x21, 0x21, IPV6): IPv6Address("2001:db8::1"),
    version_2(0x21, 0x21, MAPPED): IPv4Address("192.0.2.1"),
    version_2(0x21, 0x00, b""): None,
    version_2(0x20, 0x00, b""): None,
    version_2(0x20, 0x11, FROM_1_TO_2): None,
    version_2(0x20, 0x31, b"x" * 216): None,
}
"""Headers, and for whom they speak."""


@pytest.mark.parametrize("header", CLIENTS, ids=repr)
def test_a_header_names_the_client_and_leaves_what_follows(header: bytes) -> None:
    assert parse_header(header + b"EHLO") == ProxyHeader(CLIENTS[header], len(header))


@pytest.mark.parametrize("header", CLIENTS, ids=repr)
def test_no_part_of_a_header_is_taken_for_all_of_it(header: bytes) -> None:
    assert [parse_header(header[:size]) for size in range(len(header))] == [None] * len(header)


@pytest.mark.parametrize(
    "wrong",
    [
        b"EHLO client.example\r\n",
        b"proxy TCP4 192.0.2.1 192.0.2.2 1234 25\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1234\r\n",
        b"PROXY TCP4  192.0.2.1 192.0.2.2 1234 25\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 25 \r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 65536\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 01234 25\r\n",
        b"PROXY TCP4 192.0.2.01 192.0.2.2 1234 25\r\n",
        b"PROXY TCP4 2001:db8::1 192.0.2.2 1234 25\r\n",
        b"PROXY TCP6 192.0.2.1 192.0.2.2 1234 25\r\n",
        b"PROXY TCP6 fe80::1%eth0 2001:db8::2 1234 25\r\n",
        b"PROXY UDP4 192.0.2.1 192.0.2.2 1234 25\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\n" + b"x" * 100,
        b"PROXY UNKNOWN " + b"x" * 100,
        version_2(0x22, 0x11, FROM_1_TO_2),
        version_2(0x11, 0x11, FROM_1_TO_2),
        version_2(0x21, 0x12, FROM_1_TO_2),
        version_2(0x21, 0x31, b"x" * 216),
        version_2(0x21, 0x11, FROM_1_TO_2[:-1]),
        version_2(0x21, 0x21, FROM_1_TO_2),
        version_2(0x20, 0x00, b"", size=MOST_BYTES),
        SIGNATURE[:-1] + b"\r\x21\x11\x00\x0c" + FROM_1_TO_2,
    ],
    ids=repr,
)
def test_what_is_no_header_is_refused_however_little_is_wrong_with_it(wrong: bytes) -> None:
    with pytest.raises(MalformedHeader):
        parse_header(wrong)
