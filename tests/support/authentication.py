"""Signed messages, the keys that they are signed with, and DNS that has those keys."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.authentication.dkim.bodyhash import BodyHashes
from gateway.authentication.dkim.keys import OwnKey
from gateway.authentication.dkim.signing import COVERAGE, SIGNED, sign_message
from gateway.authentication.examination import Examination, Methods
from gateway.authentication.header import Header
from gateway.authentication.spf.evaluation import Sender
from gateway.dns.port import Dns
from gateway.domain.authentication import Authentication
from gateway.domain.headers import header_end

NOW = 1_800_000_000
"""The time at which messages are examined."""

MESSAGE = (
    b"Received: from client.example by relay.example; Mon, 2 Mar 2026 11:59:00 +0000\r\n"
    b"From: The Author <author@client.example>\r\n"
    b"To: user@site.example\r\n"
    b"Subject: A  message\r\n"
    b"Date: Mon, 2 Mar 2026 11:58:00 +0000\r\n"
    b"Message-ID: <1@client.example>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"\r\n"
    b"It has  some text,\t with white space \r\n"
    b"in two lines.\r\n"
)

SENDER = Sender(ip_address("192.0.2.1"), "author@client.example", "mx.client.example")

_ORDER = ("v", "a", "c", "d", "s", "i", "t", "x", "l", "q", "h", "bh", "b")


@lru_cache
def rsa_key(bits: int = 2048, number: int = 0) -> OwnKey:
    """A key of that size; another `number`, another key."""
    return OwnKey(generate_private_key(65537, bits))


@lru_cache
def edwards_key() -> OwnKey:
    """A key of the other kind."""
    return OwnKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def key_record(key: OwnKey, tags: str = "v=DKIM1") -> str:
    """What a domain publishes of a key."""
    public = key.private.public_key()
    if key.algorithm == "rsa-sha256":
        content = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"{tags}; k=rsa; p={base64.b64encode(content).decode()}"
    content = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"{tags}; k=ed25519; p={base64.b64encode(content).decode()}"


def signed(
    message: bytes = MESSAGE,
    key: OwnKey | None = None,
    *,
    domain: str = "client.example",
    selector: str = "s1",
    names: Sequence[str] = SIGNED,
    length: int | None = None,
    tags: Mapping[str, str] | None = None,
) -> bytes:
    """The message with a DKIM signature on top; `tags` are added to it, or stand for those that it has.

    `length` is l=: how much of the canonical body is signed.
    """
    end = header_end(message)
    covered = replace(COVERAGE, length=length)
    body = BodyHashes([covered])
    body.update(message[end:])
    limit = {} if length is None else {"l": str(length)}
    own = {"v": "1", "d": domain, "s": selector, **limit, **(tags or {})}
    digest = body.finish()[covered].digest
    field = sign_message(
        "DKIM-Signature", own, Header(message[:end]), names, digest, key or rsa_key(), _ORDER
    )
    return field + message


async def examined(
    message: bytes,
    dns: Dns,
    *,
    methods: Methods | None = None,
    sender: Sender = SENDER,
    now: float = NOW,
    sample: int = 0,
) -> Authentication:
    """What is found out about a message that comes in one piece."""
    examination = Examination(methods or Methods(), dns, sender, hostname="gw.example", now=now)
    try:
        examination.take(message)
        return await examination.finish(within=10, sample=sample)
    finally:
        examination.close()
