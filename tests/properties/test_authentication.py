"""Whatever strangers publish or send is evaluated to an end; what was signed holds, and only that."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.authentication.arc.sealing import Sealer, arc_set
from gateway.authentication.dkim.bodyhash import BodyHashes, Coverage
from gateway.authentication.dkim.canonical import Canonicalization
from gateway.authentication.dkim.keys import read_key
from gateway.authentication.dkim.signing import COVERAGE
from gateway.authentication.dmarc.record import read_record
from gateway.authentication.examination import Methods
from gateway.authentication.header import Header
from gateway.authentication.results import claims, removals, results_field
from gateway.authentication.spf.evaluation import Evaluation, Sender
from gateway.authentication.spf.record import RecordError, record_of
from gateway.authentication.tags import TagError, read_tags
from gateway.dns.port import Answer, Found, Kind, NoName
from gateway.domain.authentication import Authentication, Dkim, Result
from gateway.domain.headers import fields, header_end
from tests.support.authentication import MESSAGE, NOW, SENDER, edwards_key, examined, key_record, signed
from tests.support.zones import ZoneDns

KEY = edwards_key()
DNS = {"s1._domainkey.client.example TXT": [key_record(KEY)]}
ALONE = Methods(spf=False, dmarc=False, arc=False)

pieces_of_mail = st.sampled_from(
    [
        *(
            b"\r\n",
            b"\r\n\r\n",
            b" ",
            b"\t",
            b":",
            b";",
            b"=",
            b'"',
            b"(",
            b")",
            b"\\",
            b"<",
            b">",
            b"@",
            b",",
        ),
        *(b"From", b"DKIM-Signature", b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"),
        *(b"Authentication-Results", b"gw.example", b"client.example", b"v=1", b"i=1", b"a=rsa-sha256"),
        *(b"b=", b"bh=", b"h=from", b"d=client.example", b"s=s1", b"cv=none", b"cv=pass", b"\xff", b"\x00"),
    ]
)
mail_like = st.lists(pieces_of_mail | st.binary(max_size=5), max_size=60).map(b"".join)
texts_of_dns = st.lists(
    st.sampled_from(
        [
            *(
                b"v=spf1",
                b" ",
                b"-all",
                b"~",
                b"?",
                b"a",
                b"mx",
                b"ptr",
                b"exists:",
                b"include:",
                b"redirect=",
            ),
            *(
                b"exp=",
                b"ip4:",
                b"ip6:",
                b"192.0.2.1",
                b"/24",
                b"//64",
                b"%{d}",
                b"%{ir}",
                b"%{p}",
                b"%",
                b"%{",
            ),
            *(b"client.example", b"v=DMARC1;", b"p=reject;", b"pct=", b"v=DKIM1;", b"p=", b"k=rsa;", b"99"),
        ]
    )
    | st.binary(max_size=5),
    max_size=20,
).map(b"".join)

bodies = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"  ", b"text", b"."]), max_size=40
).map(b"".join)


class OneTextDns:
    """Has the same text at every name, and addresses for some."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.asked = 0

    async def ask(self, name: str, kind: Kind) -> Answer:
        self.asked += 1
        match kind:
            case Kind.TXT:
                return Found((self._text,), 60)
            case Kind.PTR:
                return Found(("client.example",), 60)
            case Kind.A if "x" in name:
                return Found(("192.0.2.7",), 60)
        return NoName()

    async def host(self, name: str) -> Answer:
        return await self.ask(name, Kind.A)

    async def close(self) -> None:
        pass


@given(texts_of_dns, st.text(max_size=20), st.text(max_size=20))
@example(b"v=spf1 " + b"%{s}." * 100 + b"example", "\ud800@x", "")
def test_evaluating_any_record_of_spf_ends_with_few_questions(text: bytes, mailfrom: str, helo: str) -> None:
    dns = OneTextDns(b"v=spf1 " + text)
    evaluation = Evaluation(dns, Sender(SENDER.client, mailfrom, helo))

    async def judged() -> str:
        await evaluation.check()
        return await evaluation.explanation()

    assert len(asyncio.run(judged())) <= 400
    assert dns.asked <= 1 + 10 * 11 + 12


@given(texts_of_dns | st.binary(max_size=60))
def test_what_dns_says_is_read_or_refused(text: bytes) -> None:
    for read, refusal in ((read_tags, TagError), (read_key, TagError)):
        with suppress(refusal):
            read(text)
    with suppress(RecordError):
        record_of([text])
    read_record(text)


@given(mail_like)
def test_examining_anything_ends_with_a_result(message: bytes) -> None:
    found = asyncio.run(examined(message, ZoneDns(DNS)))

    field = results_field("gw.example", found)
    assert field.isascii()
    assert len(fields(field)) == 1
    assert all(len(line) <= 998 for line in field.split(b"\r\n"))


@given(mail_like)
def test_no_claim_to_our_name_survives(message: bytes) -> None:
    block = message[: header_end(message)]
    header = Header(block)

    for edit in reversed(removals(header, "gw.example")):
        block = block[: edit.start] + edit.replacement + block[edit.end :]

    left = Header(block)
    assert not [
        field for field in left.named("Authentication-Results") if claims(left.value(field), "gw.example")
    ]


@given(st.text(max_size=80))
def test_what_is_told_stays_one_field(hostile: str) -> None:
    found = Authentication(dkim=(Dkim(Result.FAIL, hostile, hostile, hostile, hostile, reason=hostile),))

    field = results_field("gw.example", found)

    assert field.isascii()
    assert field.endswith(b"\r\n")
    assert b"\r\n" not in field.replace(b"\r\n\t", b"")[:-2]


@given(bodies, st.data())
def test_what_was_signed_holds_and_nothing_else(body: bytes, data: st.DataObject) -> None:
    message = signed(MESSAGE[: header_end(MESSAGE)] + body, KEY)
    place = data.draw(st.integers(header_end(message), len(message)))
    changed = message[:place] + data.draw(st.sampled_from([b"x", b"\r\nx\r\n"])) + message[place:]

    [held] = asyncio.run(examined(message, ZoneDns(DNS), methods=ALONE)).dkim or ()
    [broken] = asyncio.run(examined(changed, ZoneDns(DNS), methods=ALONE)).dkim or ()

    assert held.result is Result.PASS
    assert broken.result is Result.FAIL


@given(bodies, st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_the_hash_of_a_body_does_not_depend_on_its_pieces(body: bytes, sizes: list[int]) -> None:
    coverages = [Coverage(form, length) for form in Canonicalization for length in (None, 3)]
    whole, pieces = BodyHashes(coverages), BodyHashes(coverages)
    whole.update(body)
    at = 0
    while at < len(body):
        size = sizes[at % len(sizes)]
        pieces.update(body[at : at + size])
        at += size

    assert pieces.finish() == whole.finish()


@given(bodies)
def test_white_space_at_the_end_of_lines_and_of_the_body_is_not_signed(body: bytes) -> None:
    spaced = body.replace(b"\r\n", b" \t\r\n").replace(b" ", b" \t ") + b"\r\n \r\n"
    relaxed = Coverage(Canonicalization.RELAXED)
    found = []
    for each in (body + b"\r\n", spaced):
        hashes = BodyHashes([relaxed])
        hashes.update(each)
        found.append(hashes.finish())

    assert found[0] == found[1]


@settings(max_examples=30)
@given(bodies, st.integers(1, 4))
def test_a_chain_of_any_length_holds(body: bytes, length: int) -> None:
    message, state = MESSAGE[: header_end(MESSAGE)] + body, Result.NONE
    sealer = Sealer("gw.example", "client.example", "s1", KEY)
    for _ in range(length):
        end = header_end(message)
        hashes = BodyHashes([COVERAGE])
        hashes.update(message[end:])
        message = (
            arc_set(Header(message[:end]), hashes.finish()[COVERAGE].digest, state, sealer, NOW) + message
        )
        state = Result.PASS

    found = asyncio.run(examined(message, ZoneDns(DNS))).arc

    assert found
    assert found.result is Result.PASS
    assert found.sealers == ("client.example",) * length
