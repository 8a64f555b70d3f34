"""What the receiver makes of who sent a message: over a real socket, with DNS that was told what to say."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from ipaddress import ip_network

import pytest

from gateway.authentication.examination import Methods
from gateway.dns.port import Answer, Kind
from gateway.domain.access import RelayRule
from gateway.domain.authentication import Arc, Authentication, Dkim, Dmarc, Request, Result, Spf
from gateway.domain.mail import POLICY, Edit
from gateway.domain.message import composed
from gateway.domain.policy import Group, Policy
from gateway.domain.statistics import Counter
from services.receiver.authenticating import Authenticating, ground_of_refusal
from services.receiver.rules import Rules
from tests.support.authentication import MESSAGE, key_record, rsa_key, signed
from tests.support.policies import a_policy
from tests.support.posting import post
from tests.support.receiving import RULES, Running, receiving
from tests.support.zones import ZoneDns

RECIPIENT = "r@own.example"
TIMELESS = signed()
ZONE = {
    "client.example TXT": ["v=spf1 ip4:127.0.0.1 -all exp=why.client.example"],
    "s1._domainkey.client.example TXT": [key_record(rsa_key())],
    "_dmarc.client.example TXT": ["v=DMARC1; p=reject"],
    "forger.example TXT": ["v=spf1 -all exp=why.client.example"],
    "why.client.example TXT": ["see http://client.example/?ip=%{i}"],
}
EVALUATING = replace(RULES, authenticating=Authenticating(methods=Methods()))
STRICT = a_policy(refuse_spf_fail=True, refuse_dmarc_fail=True)
REFUSING = replace(EVALUATING, policies={POLICY: STRICT})
CLAIM = b"Authentication-Results: gw.example; dkim=pass\r\n"


async def sent(
    running: Running,
    message: bytes = TIMELESS,
    *to: str,
    sender: str = "author@client.example",
) -> str:
    return await post(running.port, message, to or (RECIPIENT,), sender=sender)


async def test_what_was_found_out_goes_with_the_mail_and_stands_on_top() -> None:
    async with receiving(EVALUATING, dns=ZoneDns(ZONE)) as running:
        assert (await sent(running)).startswith("250")

        [mail] = running.mails
        assert mail.authentication
        assert mail.authentication.spf == Spf(
            Result.PASS, "client.example", reason="ip4:127.0.0.1 of client.example"
        )
        assert mail.authentication.dkim
        assert mail.authentication.dkim[0].result is Result.PASS
        assert mail.authentication.dmarc == Dmarc(Result.PASS, "client.example", Request.REJECT, True, True)
        assert mail.top.startswith(
            b"Authentication-Results: gw.example;\r\n\tspf=pass smtp.mailfrom=client.example;\r\n\tdkim=pass"
        )
        assert b"\r\nReceived: from" in mail.top
        assert running.blobs.bodies == [TIMELESS]


async def test_all_copies_say_the_same() -> None:
    sales = Group("sales", ("*",), ("s@own.example",), a_policy())
    rules = replace(EVALUATING, groups=(sales,), policies={POLICY: a_policy(), "sales": sales.policy})
    async with receiving(rules, dns=ZoneDns(ZONE)) as running:
        await sent(running, TIMELESS, RECIPIENT, "s@own.example")

        first, second = running.mails
        assert first.authentication == second.authentication is not None
        assert first.edits == second.edits


@pytest.mark.parametrize(
    "rules",
    [
        replace(
            EVALUATING, authenticating=Authenticating(methods=Methods(), trusted=(ip_network("127.0.0.0/8"),))
        ),
        replace(EVALUATING, relay=(RelayRule.parse("allow from 127.0.0.1 to *"),)),
    ],
    ids=["trusted client", "relay rule"],
)
async def test_mail_of_our_own_servers_is_left_as_it_is(rules: Rules) -> None:
    dns = ZoneDns(ZONE)
    async with receiving(rules, dns=dns) as running:
        await sent(running, CLAIM + TIMELESS)

        [mail] = running.mails
        assert mail.authentication is None
        assert mail.top.startswith(b"Received:")
        assert not mail.edits
        assert not dns.asked


@pytest.mark.parametrize("rules", [RULES, EVALUATING], ids=["nothing evaluated", "all evaluated"])
async def test_what_strangers_say_in_our_name_is_taken_away(rules: Rules) -> None:
    odd = b'AUTHENTICATION-RESULTS\t:\r\n "GW.example" (really) 1;\r\n\tdmarc=pass\r\n'
    others = b"Authentication-Results: relay.example; spf=pass\r\n"
    async with receiving(rules, dns=ZoneDns(ZONE)) as running:
        await sent(running, CLAIM + others + odd + MESSAGE)

        [mail] = running.mails
        [body] = running.blobs.bodies
        assert composed(mail, body) == mail.top + others + MESSAGE
        assert mail.authentication
        assert mail.authentication.forged == tuple((edit.start, edit.end) for edit in mail.edits)
        assert mail.edits == (
            Edit(0, len(CLAIM)),
            Edit(len(CLAIM + others), len(CLAIM + others + odd)),
        )


async def test_a_bare_cr_hides_no_claim() -> None:
    async with receiving(EVALUATING, dns=ZoneDns(ZONE)) as running:
        await sent(running, b"X-Innocent: yes\r" + CLAIM + MESSAGE)

        [mail] = running.mails
        [body] = running.blobs.bodies
        assert composed(mail, body) == mail.top + b"X-Innocent: yes\r\n" + MESSAGE


async def test_a_message_of_nothing_but_claims_is_refused() -> None:
    async with receiving(EVALUATING, dns=ZoneDns(ZONE)) as running:
        assert await sent(running, (CLAIM + b"X: y\r\n") * 101 + MESSAGE) == (
            "550 5.7.1 the message says too often that it was checked here already"
        )
        assert not running.blobs.bodies


async def test_who_may_not_send_for_a_domain_is_refused_where_the_policy_wants_it() -> None:
    rules = replace(EVALUATING, policies={POLICY: a_policy(refuse_spf_fail=True)})
    async with receiving(rules, dns=ZoneDns(ZONE)) as running:
        assert await sent(running, MESSAGE, sender="x@forger.example") == (
            "550-5.7.23 forger.example does not let your address send for it\n"
            "550 5.7.23 it explains: see http://client.example/?ip=127.0.0.1"
        )
        assert not running.mails
        assert running.records.counted[Counter.RECEIVINGS_REFUSED] == 1
        assert running.records.counted[Counter.REFUSED_FOR_SPF] == 1


async def test_what_the_author_s_domain_disowns_is_refused_where_the_policy_wants_it() -> None:
    message = MESSAGE.replace(b"author@client.example", b"author@news.client.example")
    async with receiving(REFUSING, dns=ZoneDns(ZONE)) as running:
        reply = await sent(running, message, sender="x@other.example")

        assert reply == "550 5.7.26 news.client.example asks for messages to be refused that it did not send"
        assert not running.blobs.bodies
        assert running.records.counted[Counter.REFUSED_FOR_DMARC] == 1


async def test_a_message_is_taken_if_one_of_its_recipients_wants_it() -> None:
    lenient = Group("lenient", ("*",), ("l@own.example",), a_policy())
    rules = replace(REFUSING, groups=(lenient,), policies={POLICY: STRICT, "lenient": lenient.policy})
    async with receiving(rules, dns=ZoneDns(ZONE)) as running:
        assert (await sent(running, MESSAGE, sender="x@forger.example"))[:3] == "550"
        assert (await sent(running, MESSAGE, RECIPIENT, "l@own.example", sender="x@forger.example"))[
            :3
        ] == "250"


class SilentDns(ZoneDns):
    """Does not answer in time."""

    async def ask(self, name: str, kind: Kind) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError


async def test_dns_that_does_not_answer_costs_a_bounded_time_and_no_message() -> None:
    rules = replace(REFUSING, authenticating=replace(EVALUATING.authenticating, timeout=0.01))
    async with receiving(rules, dns=SilentDns({})) as running:
        assert (await sent(running)).startswith("250")

        [mail] = running.mails
        assert mail.authentication
        assert mail.authentication.spf
        assert mail.authentication.spf.result is Result.TEMPERROR
        assert b"spf=temperror" in mail.top


class BrokenDns(ZoneDns):
    """A fault of our own."""

    async def ask(self, name: str, kind: Kind) -> Answer:
        raise RuntimeError("a fault")


async def test_a_fault_of_ours_costs_no_message(caplog: pytest.LogCaptureFixture) -> None:
    async with receiving(REFUSING, dns=BrokenDns({})) as running:
        assert (await sent(running, CLAIM + TIMELESS)).startswith("250")

        [mail] = running.mails
        assert mail.authentication == Authentication(forged=((0, len(CLAIM)),))
        assert mail.edits == (Edit(0, len(CLAIM)),)
    gc.collect()
    assert [record.message for record in caplog.records if record.exc_info] == [
        "fault in finding out who sent a message: it is taken without that"
    ]


async def test_what_is_mended_was_examined_as_it_was_signed() -> None:
    long = MESSAGE + b"x" * 3000 + b"\r\n"
    raw = MESSAGE.replace(b"The Author", "Der Größte".encode())
    for message in (long, raw):
        async with receiving(EVALUATING, dns=ZoneDns(ZONE)) as running:
            await sent(running, signed(message))

            [mail] = running.mails
            assert running.blobs.bodies != [signed(message)]
            assert mail.authentication
            assert mail.authentication.dkim
            assert mail.authentication.dkim[0].result is Result.PASS


FAILED_SPF = Spf(Result.FAIL, "client.example")
REJECTED = Dmarc(Result.FAIL, "client.example", Request.REJECT)
VOUCHED = Arc(Result.PASS, ("list.example",), Result.PASS)


@pytest.mark.parametrize(
    ("found", "policies", "ground"),
    [
        (Authentication(spf=FAILED_SPF), [STRICT], FAILED_SPF),
        (Authentication(spf=FAILED_SPF), [], None),
        (Authentication(spf=FAILED_SPF), [a_policy()], None),
        (Authentication(spf=FAILED_SPF), [STRICT, a_policy()], None),
        (Authentication(spf=FAILED_SPF), [a_policy(refuse_dmarc_fail=True)], None),
        (Authentication(spf=Spf(Result.SOFTFAIL, "client.example")), [STRICT], None),
        (Authentication(spf=Spf(Result.PERMERROR, "client.example")), [STRICT], None),
        (Authentication(spf=FAILED_SPF, dmarc=Dmarc(Result.PASS, "client.example")), [STRICT], None),
        (Authentication(spf=FAILED_SPF, dmarc=Dmarc(Result.NONE)), [STRICT], FAILED_SPF),
        (Authentication(dmarc=REJECTED), [STRICT, STRICT], REJECTED),
        (Authentication(dmarc=replace(REJECTED, request=Request.QUARANTINE)), [STRICT], None),
        (Authentication(dmarc=replace(REJECTED, result=Result.TEMPERROR)), [STRICT], None),
        (Authentication(spf=FAILED_SPF, dmarc=REJECTED), [STRICT], REJECTED),
        (
            Authentication(spf=FAILED_SPF, dmarc=REJECTED),
            [a_policy(refuse_spf_fail=True), a_policy(refuse_dmarc_fail=True)],
            FAILED_SPF,
        ),
        (Authentication(dmarc=REJECTED, arc=VOUCHED), [STRICT], None),
        (Authentication(dmarc=REJECTED, arc=replace(VOUCHED, attested=Result.FAIL)), [STRICT], REJECTED),
        (Authentication(dmarc=REJECTED, arc=replace(VOUCHED, result=Result.FAIL)), [STRICT], REJECTED),
        (
            Authentication(dmarc=REJECTED, arc=replace(VOUCHED, sealers=("list.example", "other.example"))),
            [STRICT],
            REJECTED,
        ),
        (Authentication(dkim=(Dkim(Result.FAIL, "client.example"),)), [STRICT], None),
        (Authentication(), [STRICT], None),
    ],
)
def test_a_message_is_refused_only_for_good_reason(
    found: Authentication, policies: list[Policy], ground: Spf | Dmarc | None
) -> None:
    assert ground_of_refusal(found, policies, {"list.example"}) == ground
