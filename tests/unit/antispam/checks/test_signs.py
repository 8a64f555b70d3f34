"""Each sign: a message that has it, and one that nearly has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.domain.authentication import Authentication, Dkim, Dmarc, Request, Result, Spf
from gateway.domain.policy import Degree, SpamStatus
from services.antispam import checks
from services.antispam.checks import CHECKS
from services.antispam.database.composing import compose
from services.antispam.database.written import shipped_texts, shipped_words
from services.antispam.facts import Facts
from services.antispam.looking import look
from services.antispam.reading.reading import read_whole
from services.antispam.scoring import status_of, weigh
from services.antispam.view import View
from services.antispam.weights import WEIGHTS
from tests.support.content import SHIPPED_DATABASE, SHIPPED_KNOWLEDGE

ORDINARY = {
    "From": "Ann Miller <ann.miller@firm.example>",
    "To": "bob@own.example",
    "Subject": "Lunch on Tuesday",
    "Date": "Mon, 5 Jan 2026 10:00:00 +0000",
    "Message-ID": "<20260105.1@firm.example>",
}
ANSWER = "Tuesday is fine.\r\n\r\nOn Monday Bob wrote:\r\n> shall we meet?\r\n> Bob\r\n"
TEXT = "Hello Bob,\r\n\r\nshall we meet for lunch on Tuesday, as we said last week?\r\n\r\nAnn\r\n"


def message(text: str = TEXT, **fields: str) -> bytes:
    """An ordinary message, with other fields; "" leaves one out, and `_` stands for a hyphen."""
    written = ORDINARY | {name.replace("_", "-"): value for name, value in fields.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in written.items() if value)
    return f"{head}\r\n{text}".encode()


def page(body: str, **fields: str) -> bytes:
    """A message that is HTML alone."""
    html = {"MIME_Version": "1.0", "Content_Type": "text/html; charset=utf-8"}
    return message(f"<html><body>{body}</body></html>\r\n", **html | fields)


def names(raw: bytes, facts: Facts = Facts()) -> set[str]:  # noqa: B008 - a frozen value
    view = View(read_whole(raw), facts, SHIPPED_DATABASE)
    return {finding.check for check in CHECKS for finding in check(view)}


LINK = (
    "<p>Look at this page that I found, it is about the things that we spoke of in the garden last week.</p>"
    '<a href="{}">{}</a>'
)


EXPRESS = {
    "X_Mailer": "Microsoft Outlook Express 6.00.2600.0000",
    "Message_ID": "<001001cac2a1$e6e4a1c0$6501a8c0@pc1>",
    "X_MimeOLE": "Produced By Microsoft MimeOLE V6.00.2600.0000",
    "X_Priority": "3",
}
FORWARDED = "From: Maria <maria@gmail.com>\r\nTo: ann.miller@hotmail.com\r\nSubject: the garden\r\n\r\n"


def linked(url: str, text: str = "the page") -> bytes:
    return page(LINK.format(url, text))


@pytest.mark.parametrize(
    ("sign", "has_it", "has_not"),
    [
        ("from.missing", message(From=""), message()),
        ("from.invalid", message(From="Ann <nobody>"), message(From="ann@firm.example")),
        ("from.random", message(From="xkqzvbwt@firm.example"), message(From="christopher@firm.example")),
        ("from.digits", message(From="abc42def@firm.example"), message(From="anna1984@firm.example")),
        (
            "from.other_address",
            message(From='"support@bank.example" <ann@firm.example>'),
            message(From='"ann@firm.example" <ann@firm.example>'),
        ),
        (
            "from.ornaments",
            message(From="#Prize_Team# <ann@firm.example>"),
            message(From="Ann [IT] <ann@firm.example>"),
        ),
        ("from.recipient", message(From="bob@own.example"), message(From="bob@firm.example")),
        ("to.missing", message(To=""), message()),
        ("to.undisclosed", message(To="undisclosed-recipients:;"), message(To="bob@own.example")),
        ("reply_to.freemail", message(Reply_To="x@gmail.com"), message(Reply_To="ann@firm.example")),
        (
            "reply_to.other_freemail",
            message(From="Ann <ann@gmail.com>", Reply_To="ben@gmail.com"),
            message(From="Ann <ann@gmail.com>", Reply_To="ann@gmail.com"),
        ),
        ("subject.tail", message(Subject="Buy now" + " " * 30 + "xqzt"), message(Subject="Buy now  xqzt")),
        (
            "subject.capitals",
            message(Subject="THIS IS FOR YOU ALONE"),
            message(Subject="NASA news for you alone"),
        ),
        ("subject.gappy", message(Subject="v i a g r a for you"), message(Subject="plan b for you")),
        (
            "subject.false_answer",
            message(Subject="Re: yours"),
            message(Subject="Re: yours", In_Reply_To="<1@own.example>"),
        ),
        ("subject.empty", message(Subject=" "), message()),
        ("subject.names_recipient", message(Subject="bob@own.example: news"), message(Subject="Bob: news")),
        (
            "subject.names_recipient",
            message(Subject="bob-works, a prize for you", To="bob-works@own.example"),
            message(Subject="Re: [bob-works] a prize", To="bob-works@own.example"),
        ),
        ("subject.disguised", message(Subject="Yоur аccоunt is lоcked"), message(Subject="Ваш счёт Visa")),
        ("date.missing", message(Date=""), message()),
        ("date.invalid", message(Date="yesterday"), message()),
        (
            "date.zone",
            message(Date="Mon, 5 Jan 2026 10:00:00 -0120"),
            message(Date="Mon, 5 Jan 2026 10:00:00 +0545"),
        ),
        (
            "date.future",
            message(Received="from a by b; Mon, 5 Jan 2026 04:00:00 +0000"),
            message(Received="from a by b; Mon, 5 Jan 2026 09:59:00 +0000"),
        ),
        (
            "date.past",
            message(Received="from a by b; Mon, 12 Jan 2026 04:00:00 +0000"),
            message(Received="from a by b; Tue, 6 Jan 2026 04:00:00 +0000"),
        ),
        ("mailer.empty", message(X_Mailer=" "), message(X_Mailer="Outlook")),
        ("mailer.forged", page("Lunch on Tuesday", **EXPRESS), message(**EXPRESS)),
        ("mailer.forged", message(**EXPRESS | {"X_MimeOLE": ""}), message(**EXPRESS)),
        ("mailer.forged", message(**EXPRESS | {"X_Priority": ""}), message(**EXPRESS)),
        (
            "mailer.forged",
            message(X_Mailer="Microsoft Outlook, Build 10.0.2627"),
            message(X_Mailer="Microsoft Outlook 16.0"),
        ),
        (
            "mailer.forged",
            message(**EXPRESS | {"X_MimeOLE": ""}),
            message(**EXPRESS | {"X_MimeOLE": "", "Precedence": "list"}),
        ),
        ("mailer.forged", message(**EXPRESS | {"Message_ID": "<1@firm.example>"}), message(**EXPRESS)),
        ("mailer.script", message(X_PHP_Originating_Script="33:contact.php"), message()),
        ("message_id.missing", message(Message_ID=""), message()),
        ("message_id.invalid", message(Message_ID="<1 2 3>"), message()),
        ("message_id.recipient", message(Message_ID="<1@mx.own.example>"), message()),
        ("header.no_mime_version", page("<p>x</p>", MIME_Version=""), page("<p>x</p>")),
        ("structure.html_only", page("<p>x</p>"), message()),
        (
            "structure.pictures_only",
            page('<img src="https://firm.example/a.png">'),
            page(f"<p>{TEXT * 3}</p><img src='https://firm.example/a'>"),
        ),
        (
            "html.form",
            page('<form action="https://firm.example/"><input name="a"></form>'),
            page("<p>forms</p>"),
        ),
        ("link.address", linked("http://192.0.2.7/login"), linked("http://firm.example/192.0.2.7")),
        ("link.port", linked("http://shop.example:8081/"), linked("https://shop.example:443/")),
        (
            "link.credentials",
            linked("https://bank.example@shop.example/"),
            linked("https://shop.example/@bank"),
        ),
        ("link.shortener", linked("https://bit.ly/3xyz"), linked("https://bit.example/3xyz")),
        ("link.hosting", linked("https://login-page.weebly.com/"), linked("https://weebly.example/")),
        ("link.ipfs", linked("https://ipfs.io/ipfs/bafy"), linked("https://ipfs.example/")),
        (
            "link.false_text",
            linked("https://shop.example/", "www.bank.example"),
            linked("https://bank.example/a", "www.bank.example"),
        ),
        ("link.cheap_domain", linked("https://offers.click/"), linked("https://offers.example/")),
        ("link.all_elsewhere", linked("https://shop.example/"), linked("https://www.firm.example/")),
        (
            "link.all_elsewhere",
            linked("https://shop.example/", "the page"),
            linked("https://shop.example/", "https://shop.example/"),
        ),
        (
            "brand.author",
            message(From="PayPal Service <a@firm.example>"),
            message(From="PayPal <service@paypal.com>"),
        ),
        (
            "brand.author",
            message(From="Trust WaIIet <a@firm.example>"),
            message(From="Trust Wallets <a@firm.example>"),
        ),
        (
            "brand.author",
            page(LINK.format("https://pay.example/", "pay"), From="Tesco <a@sends.example>"),
            page(LINK.format("https://www.tesco.ie/", "shop"), From="Tesco <a@sends.example>"),
        ),
        (
            "from.random_domain",
            message(From="a <a@glsgrt.example>"),
            message(From="a <a@gls-group.example>"),
        ),
        (
            "from.recipient",
            message(From="news@own.example", To="news@own.example"),
            message("See https://www.own.example/\r\n", From="news@own.example", To="news@own.example"),
        ),
        (
            "good.own_links",
            linked("https://www.firm.example/a"),
            page(
                LINK.format("https://www.firm.example/a", "the page")
                + "You have opted in to receive our mailings."
            ),
        ),
        (
            "good.own_links",
            linked("https://www.firm.example/a"),
            page('<a href="https://www.firm.example/a"><img src="https://www.firm.example/a.png"></a>'),
        ),
        (
            "good.code",
            message("Your verification code is 482913.\r\n"),
            message("Your verification code is 482913.\r\n", Subject="Fwd: Your code"),
        ),
        (
            "text.freemail",
            message(FORWARDED + "Write to maria77@gmail.com\r\n", Subject="Fwd: the garden"),
            message(FORWARDED, Subject="Fwd: the garden"),
        ),
        (
            "message_id.elsewhere",
            message(Message_ID="<1@host.example>"),
            message(Message_ID="<1@eur07.prod.outlook.com>"),
        ),
        (
            "message_id.other_service",
            message(Message_ID="<1@hotmail.com>"),
            message(Message_ID="<tencent_1@qq.com>"),
        ),
        (
            "message_id.other_service",
            message(From="Ann <ann@yahoo.de>", Message_ID="<1@hotmail.com>"),
            message(From="Ann <ann@yahoo.de>", Message_ID="<1@yahoo.com>"),
        ),
        (
            "message_id.elsewhere",
            message(Message_ID="<1@host.example>"),
            message(Message_ID="<1@host.example>", In_Reply_To="<2@own.example>"),
        ),
        (
            "brand.author",
            message(From="PayPal via DHL <a@firm.example>"),
            message(From="PayPal via DHL <a@dhl.com>"),
        ),
        (
            "brand.author",
            message(From="Microsoft account team <a@outlook.com>"),
            message(From="Microsoft Outlook <MicrosoftExchange329e71ec88ae@firm.example>"),
        ),
        ("brand.link", linked("https://paypal-secure.example/"), linked("https://www.paypal.com/")),
        (
            "shape.advance_fee",
            message("I am the widow of a barrister. My late husband left US$ 12,500,000. God bless you.\r\n"),
            message("My late husband liked this garden. The widow next door sends her love.\r\n"),
        ),
        (
            "shape.crypto_offer",
            message("Claim your airdrop: connect your wallet, ethereum and bitcoin are waiting.\r\n"),
            message("The price of bitcoin fell today.\r\n"),
        ),
        (
            "shape.account_pressed",
            message("Dear customer, your account is suspended. Verify your password now.\r\n"),
            message("Your account statement for May is ready.\r\n"),
        ),
        (
            "good.conversation",
            message(ANSWER, In_Reply_To="<1@own.example>"),
            message(ANSWER),
        ),
        (
            "good.answer",
            message(Subject="Re: Lunch", In_Reply_To="<1@own.example>"),
            message(Subject="Fw: Lunch", In_Reply_To="<1@own.example>"),
        ),
        (
            "good.own_links",
            linked("https://help.firm.example/a"),
            page(LINK.format("https://firm.zendesk.com/a", "the page"), From="Firm <a@firm.zendesk.com>"),
        ),
        (
            "good.own_links",
            linked("https://www.firm.example/b"),
            page(LINK.format("https://firm.example/b", "the page"), From="PayPal <a@firm.example>"),
        ),
        (
            "good.own_links",
            linked("https://www.firm.org/b"),
            page(LINK.format("https://firm.example/", "firm") + LINK.format("http://192.0.2.7/", "login")),
        ),
        ("good.named", message(), message(From="Secret Shop <office@firm.example>")),
        ("good.own_links", linked("https://www.firm.example/a"), linked("https://shop.example/a")),
        (
            "good.code",
            message("Your verification code is 482913. It is valid for ten minutes.\r\n"),
            message("Your verification code is 482913. See http://shop.example/\r\n"),
        ),
        (
            "good.work",
            message("diff --git a/x b/x\r\n@@ -1,2 +1,2 @@\r\n-a\r\n+b\r\n"),
            message("a diff of git\r\n"),
        ),
    ],
)
def test_a_sign_is_found_where_it_is_and_not_where_it_nearly_is(
    sign: str, has_it: bytes, has_not: bytes
) -> None:
    assert sign in names(has_it)
    assert sign not in names(has_not)


@pytest.mark.parametrize(
    ("number", "is_sum"),
    [
        ("US$ 12,500", True),
        ("EUR1.500", True),
        ("us dollars 250,000", True),
        ("1.500.000,00 euros", True),
        ("2.5 Million", True),
        ("million united states dollars", True),
        ("$ 12", False),
        ("12,500 steps", False),
        ("a million stars", False),
    ],
)
def test_a_sum_is_one_however_it_is_written(number: str, is_sum: bool) -> None:
    found = names(message(f"I am the widow of a barrister, and it was {number}.\r\n"))

    assert ("shape.advance_fee" in found) is is_sum


@pytest.mark.parametrize(
    ("number", "is_phone"),
    [
        ("1 (800) 555-0123", True),
        ("+1.888.555.0123", True),
        ("(212) 555 0123", True),
        ("+44 20 7946 0123 45", True),
        ("2025-01-05 10:00", False),
        ("8005550123x", False),
        ("98005550123", False),
    ],
)
def test_a_telephone_number_is_one_however_it_is_written(number: str, is_phone: bool) -> None:
    found = names(message(f"You have been charged for the renewal. To cancel, dial {number}.\r\n"))

    assert ("shape.callback" in found) is is_phone


def test_each_link_of_one_host_is_looked_at_for_what_it_says_itself() -> None:
    first = '<a href="https://shop.example/a">the page</a>'
    other = '<a href="https://shop.example/b">www.bank.example</a><a href="https://shop.example:8081/c">x</a>'

    assert {"link.false_text", "link.port"} <= names(page(first + other))


@pytest.mark.parametrize(
    ("sign", "facts"),
    [
        ("spf.fail", Facts(authentication=Authentication(spf=Spf(Result.FAIL, "firm.example")))),
        ("spf.softfail", Facts(authentication=Authentication(spf=Spf(Result.SOFTFAIL, "firm.example")))),
        (
            "dmarc.fail",
            Facts(authentication=Authentication(dmarc=Dmarc(Result.FAIL, "firm.example", Request.REJECT))),
        ),
        (
            "dmarc.fail_unasked",
            Facts(authentication=Authentication(dmarc=Dmarc(Result.FAIL, "firm.example"))),
        ),
        ("dkim.broken", Facts(authentication=Authentication(dkim=(Dkim(Result.FAIL, "firm.example"),)))),
        ("sender.proven", Facts(authentication=Authentication(dmarc=Dmarc(Result.PASS, "firm.example")))),
        ("blocklist.client", Facts(client_ip="192.0.2.1", listed_by=("bl.example",))),
        ("blocklist.several", Facts(client_ip="192.0.2.1", listed_by=("bl.example", "xbl.example"))),
        ("blocklist.link", Facts(listed_links=(("shop.example", "dbl.example"),))),
        ("helo.address", Facts(helo="192.0.2.1")),
        ("helo.no_domain", Facts(helo="desktop")),
        ("helo.dialup", Facts(helo="host-192-0-2-7.dsl.net.example")),
    ],
)
def test_a_fact_about_the_sender_is_a_sign(sign: str, facts: Facts) -> None:
    assert sign in names(message(), facts)
    assert sign not in names(message())


def test_who_writes_in_our_name_is_found() -> None:
    failed = Authentication(dmarc=Dmarc(Result.FAIL, "own.example"))

    ours = Facts(authentication=failed, our_domains=("own.example",))
    assert "fraud.our_domain" in names(message(From="Boss <boss@own.example>"), ours)
    assert "fraud.our_name" in names(
        message(From="own.example IT <it@firm.example>"), Facts(our_domains=("own.example",))
    )
    assert "fraud.look_alike" in names(
        message(From="Boss <boss@0wn.example>"), Facts(our_domains=("own.example",))
    )


def test_a_long_text_needs_twice_as_much_to_have_a_shape() -> None:
    told = "Claim your airdrop: connect your wallet, ethereum is waiting.\r\n"
    filler = "We met in the garden and spoke of the weather and of the roses by the fence.\r\n" * 100

    assert "shape.crypto_offer" in names(message(told))
    assert "shape.crypto_offer" not in names(message(told + filler))


def test_a_well_known_house_that_proves_itself_is_no_stranger() -> None:
    told = message("Your account is limited. Verify your data now.\r\n", From="PayPal <service@paypal.com>")
    proven = Facts(authentication=Authentication(dmarc=Dmarc(Result.PASS, "paypal.com")))
    another = Facts(authentication=Authentication(dmarc=Dmarc(Result.PASS, "firm.example")))

    assert "good.known" in names(told, proven)
    assert not any(name.startswith("stranger.") for name in names(told, proven))
    assert "good.known" not in names(told, another) | names(told)


def test_lent_mailboxes_and_pages_are_no_house() -> None:
    assert "paypal.com" in SHIPPED_DATABASE.tables.houses
    assert not SHIPPED_DATABASE.tables.houses & SHIPPED_DATABASE.tables.freemail


def test_one_odd_link_among_many_is_chance_and_many_are_not() -> None:
    plain = [f'<a href="https://paper.example/{number}">story {number}</a>' for number in range(60)]
    odd = [f'<a href="https://offers{number}.click/">story</a>' for number in range(6)]

    assert "link.cheap_domain" not in names(page("".join(plain + odd[:1])))
    assert "link.cheap_domain" in names(page("".join(plain + odd)))
    assert "link.credentials" in names(page("".join(plain) + '<a href="http://a@b.example/">story</a>'))


def test_an_ordinary_message_has_no_sign_of_spam() -> None:
    found = names(message())

    assert all(WEIGHTS[name].standard <= 0 for name in found)


def test_every_finding_of_a_check_has_a_weight() -> None:
    source = "".join(path.read_text() for path in Path(checks.__file__).parent.glob("*.py"))
    written = set(re.findall(r"(?:Finding|yield)\(?\s*\(?\"([a-z_]+\.[a-z_]+)\"", source))

    assert len(written) > 80
    assert {name for name in written if not name.startswith("lessons.")} <= WEIGHTS.keys()


@settings(max_examples=150, deadline=None)
@given(
    some.binary(max_size=600),
    some.sampled_from(["From", "To", "Subject", "Date", "Message-ID", "Received", "X"]),
)
def test_no_message_makes_a_check_fail(noise: bytes, name: str) -> None:
    raw = f"{name}: ".encode() + noise + b"\r\n" + message()
    looked = look(read_whole(raw), SHIPPED_KNOWLEDGE, expired=lambda: False)

    assert looked.left_out == ()
    assert looked == look(read_whole(raw), SHIPPED_KNOWLEDGE, expired=lambda: False)


def test_good_mail_that_was_written_for_the_project_is_hardly_ever_spam() -> None:
    words = shipped_words()
    texts = [text for text in shipped_texts() if text.good]
    spam: dict[Degree, list[str]] = {degree: [] for degree in Degree}
    for text in texts:
        read = read_whole(compose(text, words, 1).body)
        findings = look(read, SHIPPED_KNOWLEDGE, expired=lambda: False).findings
        for degree, names in spam.items():
            if status_of(weigh(findings, degree), degree) is SpamStatus.SPAM:
                names.append(text.name)

    assert spam[Degree.SOFT] == []
    assert len(spam[Degree.STANDARD]) <= 0.003 * len(texts), spam[Degree.STANDARD]
    assert len(spam[Degree.HARD]) <= 0.01 * len(texts), spam[Degree.HARD]
