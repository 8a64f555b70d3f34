"""DKIM: which signatures are believed (RFC 6376, RFC 8301, RFC 8463)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gateway.authentication.dkim.keys import OwnKey, load_own_key, read_key
from gateway.authentication.examination import Methods
from gateway.authentication.tags import TagError
from gateway.domain.authentication import Dkim, Result
from gateway.domain.errors import ConfigError
from tests.support.authentication import MESSAGE, NOW, edwards_key, examined, key_record, rsa_key, signed
from tests.support.zones import ZoneDns

CORPUS = Path(__file__).parents[2] / "corpus" / "authentication"
ALONE = Methods(spf=False, dmarc=False, arc=False)
KEY_NAME = "s1._domainkey.client.example TXT"


def dns(*records: str) -> ZoneDns:
    return ZoneDns({KEY_NAME: list(records or [key_record(rsa_key())])})


async def verified(message: bytes, asking: ZoneDns | None = None, now: float = NOW) -> Sequence[Dkim]:
    found = await examined(message, asking or dns(), methods=ALONE, now=now)
    assert found.dkim is not None
    return found.dkim


async def verdict(message: bytes, asking: ZoneDns | None = None) -> tuple[Result, str]:
    [found] = await verified(message, asking)
    return found.result, found.reason


async def test_the_signatures_of_the_standard_s_own_example_hold() -> None:
    message = (CORPUS / "dkim-rfc8463.eml").read_bytes().replace(b"\n", b"\r\n")
    rsa = (
        "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy"
        "5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9Pz"
        "oxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
    )
    asking = ZoneDns(
        {
            "brisbane._domainkey.football.example.com TXT": [
                "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
            ],
            "test._domainkey.football.example.com TXT": [rsa],
        }
    )

    found = await verified(message, asking)

    assert [(one.result, one.algorithm) for one in found] == [
        (Result.PASS, "ed25519-sha256"),
        (Result.PASS, "rsa-sha256"),
    ]


@pytest.mark.parametrize(
    "key", [rsa_key(1024), rsa_key(2048), edwards_key()], ids=["1024", "2048", "ed25519"]
)
async def test_a_signature_says_who_signed(key: OwnKey) -> None:
    message = signed(key=key)

    [found] = await verified(message, dns(key_record(key)))

    assert (found.result, found.domain, found.selector) == (Result.PASS, "client.example", "s1")
    assert found.algorithm == key.algorithm
    assert len(found.start) == 8
    assert f"b={found.start}".encode() in message


async def test_mail_without_a_signature_has_none() -> None:
    assert await verified(MESSAGE) == ()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"It has  some", b"It has no", "the body was changed"),
        (b"lines.\r\n", b"lines.\r\nmore\r\n", "the body was changed"),
        (b"author@client", b"other@client", "the header was changed"),
        (b"Subject: A", b"Subject: B", "the header was changed"),
        (b"From: The", b"From: x@client.example\r\nFrom: The", None),
        (b"Received: from", b"X-Added: yes\r\nReceived: from", None),
        (b"To: user", b"To:\r\n\t\t user", None),
        (b"in two lines.\r\n", b"in two lines.\r\n\r\n\r\n", None),
        (b"It has  some", b"It has \t some", None),
    ],
)
async def test_what_was_changed_on_the_way_is_told(old: bytes, new: bytes, reason: str | None) -> None:
    changed = signed().replace(old, new, 1)

    assert changed != signed()
    assert await verdict(changed) == (Result.FAIL if reason else Result.PASS, reason or "")


async def test_a_field_signed_once_more_than_it_is_there_cannot_be_added() -> None:
    message = signed(names=("from", "subject"))
    over = message.replace(b"h=from:subject;", b"h=from:from:subject;")

    assert (await verdict(over))[0] is Result.FAIL


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"v": "2"}, "v= is not 1"),
        ({"d": "not a domain"}, "d= is no domain"),
        ({"d": ""}, "d= is empty"),
        ({"s": ""}, "s= is empty"),
        ({"i": "user@other.example"}, "i= is not within d="),
        ({"i": "user@notclient.example"}, "i= is not within d="),
        ({"q": "http/get"}, "q= is not possible"),
        ({"l": "-1"}, "l= is no number"),
        ({"t": "soon"}, "t= is no number"),
        ({"t": str(NOW + 400)}, "the signature is of the future"),
        ({"x": str(NOW - 400)}, "the signature has expired"),
        ({"t": str(NOW), "x": str(NOW)}, "it expired before it was made"),
        ({"s": "a" * 64}, "the name of the key is not possible"),
    ],
)
async def test_a_signature_that_cannot_be_valid_says_why(tags: Mapping[str, str], reason: str) -> None:
    assert await verdict(signed(tags=tags)) == (Result.PERMERROR, reason)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"a=rsa-sha256", b"a=rsa-sha1", "a= is not possible"),
        (b"c=relaxed/relaxed", b"c=loose", "c= is not possible"),
        (b"h=from:", b"h=x:", "h= does not have From"),
        (b"bh=", b"bh=!", "bh= is not base64"),
        (b" v=1;", b" v=1; v=1;", "v= is given twice"),
        (b" v=1;", b" v=1;;", "it has a part that is no tag"),
        (b" v=1;", b" \xff; v=1;", "it is not UTF-8"),
        (b" v=1;", b" v=1; x=" + b"9" * 5000 + b";", "x= is no number"),
    ],
)
async def test_a_signature_that_cannot_be_read_says_why(old: bytes, new: bytes, reason: str) -> None:
    assert await verdict(signed().replace(old, new, 1)) == (Result.PERMERROR, reason)


@pytest.mark.parametrize(
    "tags", [{"t": str(NOW + 200)}, {"x": str(NOW - 200)}, {"i": "x@sub.client.example"}]
)
async def test_a_clock_may_be_a_little_wrong_and_an_agent_of_a_subdomain(tags: Mapping[str, str]) -> None:
    assert await verdict(signed(tags=tags)) == (Result.PASS, "")


async def test_what_stands_behind_the_signed_part_of_a_body_is_told() -> None:
    whole = len(b"It has some text, with white space\r\nin two lines.\r\n")
    message = signed(length=whole)

    assert await verdict(message) == (Result.PASS, "")
    assert await verdict(message + b"added\r\n") == (Result.POLICY, "7 bytes of the body are not signed")
    assert await verdict(signed(length=0)) == (Result.POLICY, f"{whole} bytes of the body are not signed")


async def test_a_body_shorter_than_its_signed_part_was_changed() -> None:
    assert await verdict(signed(length=1000)) == (Result.FAIL, "the body was changed")


@pytest.mark.parametrize(
    ("records", "result", "reason"),
    [
        ([], Result.PERMERROR, "there is no key"),
        ([key_record(rsa_key(2048, 1))], Result.FAIL, "the header was changed"),
        (
            [key_record(edwards_key())],
            Result.PERMERROR,
            "the key cannot be used: it is for another algorithm",
        ),
        ([key_record(rsa_key(), "v=DKIM2")], Result.PERMERROR, "the key cannot be used: v= is not DKIM1"),
        (
            [key_record(rsa_key(), "s=web")],
            Result.PERMERROR,
            "the key cannot be used: s= does not allow mail",
        ),
        (
            [key_record(rsa_key(), "h=sha1")],
            Result.PERMERROR,
            "the key cannot be used: h= does not allow SHA-256",
        ),
        (["v=DKIM1; p="], Result.PERMERROR, "the key cannot be used: it was revoked"),
        (["v=DKIM1"], Result.PERMERROR, "the key cannot be used: p= is missing"),
        (["v=DKIM1; p=AAAA"], Result.PERMERROR, "the key cannot be used: p= is no key"),
        (["\x00\x01garbage"], Result.PERMERROR, "the key cannot be used: it has a part that is no tag"),
        (["v=DKIM1; p=" + "A" * 8000], Result.PERMERROR, "the key cannot be used: it is too long"),
        (["garbage", key_record(rsa_key())], Result.PASS, ""),
        ([key_record(rsa_key(), "s=email:tlsrpt; h=sha1:sha256; n=a note")], Result.PASS, ""),
    ],
)
async def test_keys_are_used_as_their_domain_says(records: list[str], result: Result, reason: str) -> None:
    asking = ZoneDns({KEY_NAME: records, "_domainkey.client.example TXT": [""]})

    assert await verdict(signed(), asking) == (result, reason)


async def test_a_key_that_cannot_be_found_now_is_temporary() -> None:
    asking = ZoneDns({"s1._domainkey.client.example FAIL": ["x"]})

    assert await verdict(signed(), asking) == (
        Result.TEMPERROR,
        "the key cannot be found now: the server failed",
    )


def test_keys_that_prove_nothing_are_refused() -> None:
    weak = (
        b"v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAIWmlgix/84GJ+dfgjm7LTc9EPdfk"
        b"ftlgiPpCq4/kbDAZmU0VvYKDljjleJ1dfvS+CGy9U/kk1tG3EeEvb82xAcCAwEAAQ=="
    )

    with pytest.raises(TagError, match="it has 512 bits"):
        read_key(weak)


async def test_a_domain_that_only_tries_dkim_is_told_apart() -> None:
    [found] = await verified(
        signed().replace(b"Subject: A", b"Subject: B"), dns(key_record(rsa_key(), "t=y"))
    )

    assert (found.result, found.testing) == (Result.FAIL, True)


async def test_a_strict_key_allows_no_agent_of_a_subdomain() -> None:
    strict = dns(key_record(rsa_key(), "t=s"))

    assert await verdict(signed(), strict) == (Result.PASS, "")
    assert await verdict(signed(tags={"i": "@sub.client.example"}), strict) == (
        Result.PERMERROR,
        "i= is not of the domain itself",
    )


async def test_each_signature_is_judged_for_itself() -> None:
    key = rsa_key(2048, 1)
    message = signed(signed(), key, domain="list.example")
    asking = ZoneDns({KEY_NAME: [key_record(rsa_key())], "s1._domainkey.list.example TXT": [key_record(key)]})

    found = await verified(message.replace(b"b=", b"b=AAAA", 1), asking)

    assert [(one.result, one.domain) for one in found] == [
        (Result.FAIL, "list.example"),
        (Result.PASS, "client.example"),
    ]


async def test_thousands_of_signatures_cost_no_more_than_a_few() -> None:
    asking = dns()
    fields = b"".join(
        signed(MESSAGE, domain=f"d{number}.example").partition(b"Received:")[0] for number in range(20)
    )

    found = await verified(fields * 20 + MESSAGE, asking)

    assert len(found) == 8
    assert asking.asked.total() == 8


async def test_several_signatures_with_one_key_ask_for_it_once() -> None:
    asking = dns()
    field = signed().partition(b"Received:")[0]

    found = await verified(field * 3 + MESSAGE, asking)

    assert [one.result for one in found] == [Result.PASS] * 3
    assert asking.asked.total() == 1


def test_own_keys_are_read_from_pem() -> None:
    with pytest.raises(ConfigError, match="it is no private key in PEM without a passphrase"):
        load_own_key(b"-----BEGIN PRIVATE KEY-----\nno\n-----END PRIVATE KEY-----\n")
