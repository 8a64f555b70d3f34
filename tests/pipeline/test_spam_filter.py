"""The test phrases of the manual, through the whole gateway: status, header fields and labels."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes

import pytest
import pytest_asyncio

from gateway.domain.journey import Ending
from gateway.domain.policy import SpamStatus
from tests.support.embedded import Embedded, embedded
from tests.support.passage import an_address
from tests.support.posting import added_on_top
from tests.support.samples import plain, virus_test_file, with_attachment

pytestmark = pytest.mark.asyncio(loop_scope="module")

GROUPS = """
[smtpgw.group:keywords]
Recipients=*@keywords.example
ActionSpam=keywords

[smtpgw.group:none]
Recipients=*@none.example
ActionSpam=none

[smtpgw.group:unchecked]
Recipients=*@unchecked.example
CheckSpam=false

[smtpgw.group:blocking_spam]
Recipients=*@block-spam.example
BlockMessage=as/spam

[smtpgw.group:blocking_all_spam]
Recipients=*@block-all.example
BlockMessage=as/all
"""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A Subject, and what has to be said of it."""

    subject: str
    status: str
    label: str
    category: str = ""


PHRASES: Mapping[str, Phrase] = {
    "spam": Phrase("Buy! spam is bad do not send it", "Spam", "[!! SPAM] "),
    "spaced": Phrase("t h i s i s n o t s p a m", "Spam", "[!! SPAM] "),
    "spaced twice": Phrase("t h i s  i s  n o t  s p a m", "Spam", "[!! SPAM] "),
    "upper case": Phrase("SPAM IS BAD DO NOT SEND IT", "Spam", "[!! SPAM] "),
    "probable": Phrase("News and special events May", "Probable Spam", "[?? Probable Spam] "),
    "formal": Phrase(
        *("Out of Office AutoReply: away", "Not detected", "[--Formal Messages--] "),
        "Formal Messages, Automatic replies",
    ),
    "obscene": Phrase("This printer is bullshit", "Not detected", "[--Obscene--] ", "Obscene"),
    "nothing": Phrase("Lunch on Friday?", "Not detected", ""),
}
each_phrase = pytest.mark.parametrize("phrase", PHRASES.values(), ids=PHRASES.keys())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    async with embedded(tmp_path_factory.mktemp("site"), groups=GROUPS) as running:
        yield running


@each_phrase
async def test_a_test_phrase_leads_to_its_status_and_label(gateway: Embedded, phrase: Phrase) -> None:
    sent = plain(phrase.subject)
    received = await gateway.send(sent)

    message = message_from_bytes(received.body)
    assert message["X-SpamTest-Status"] == phrase.status
    assert message["X-SpamTest-Categories"] == (phrase.category or None)
    assert message["Subject"] == phrase.label + phrase.subject
    assert received.body.endswith(sent.partition(b"Subject: ")[2])  # all behind the label is as it came


@each_phrase
async def test_the_records_know_the_status_and_what_led_to_it(gateway: Embedded, phrase: Phrase) -> None:
    address = an_address()
    await gateway.post(plain(phrase.subject), address)

    [analysed] = await gateway.steps((await gateway.ended(address)).id, "Analysed")
    assert (
        analysed["status"]
        == {
            "Spam": SpamStatus.SPAM,
            "Probable Spam": SpamStatus.PROBABLE,
            "Not detected": SpamStatus.NOT_DETECTED,
        }[phrase.status]
    )
    assert analysed["findings"] or not phrase.label


@each_phrase
async def test_keywords_take_the_place_of_the_label(gateway: Embedded, phrase: Phrase) -> None:
    foreign = b"Keywords: theirs\r\n" + plain(phrase.subject)
    received = await gateway.send(foreign, domain="keywords.example")

    message = message_from_bytes(received.body)
    words = [word for word in (phrase.status, phrase.category) if word and word != "Not detected"]
    assert message["Subject"] == phrase.subject
    assert message.get_all("Keywords") == ([", ".join(words)] if words else None)


@each_phrase
async def test_without_marking_only_header_fields_are_added(gateway: Embedded, phrase: Phrase) -> None:
    sent = plain(phrase.subject)
    received = await gateway.send(sent, domain="none.example")

    assert added_on_top(received.body, sent)[b"X-SpamTest-Status"].strip().decode() == phrase.status


@each_phrase
async def test_mail_that_is_not_to_be_checked_has_no_status(gateway: Embedded, phrase: Phrase) -> None:
    sent = plain(phrase.subject)
    received = await gateway.send(sent, domain="unchecked.example")

    assert not [name for name in added_on_top(received.body, sent) if name.startswith(b"X-SpamTest")]


@each_phrase
@pytest.mark.parametrize(
    ("domain", "blocks"),
    [("block-spam.example", {"Spam"}), ("block-all.example", {"Spam", "Probable Spam"})],
)
async def test_spam_of_a_status_that_is_blocked_is_not_delivered(
    gateway: Embedded, phrase: Phrase, domain: str, blocks: set[str]
) -> None:
    address = an_address(domain)
    await gateway.post(plain(phrase.subject), address)

    kept = await gateway.ended(address)
    assert kept.state == (Ending.BLOCKED if phrase.status in blocks else Ending.DELIVERED)
    assert bool(gateway.arrived(address)) == (phrase.status not in blocks)


async def test_blocked_spam_is_never_scanned(gateway: Embedded) -> None:
    address = an_address("block-spam.example")
    await gateway.post(with_attachment("spam is bad do not send it", virus_test_file()), address)

    kept = await gateway.ended(address)
    assert not await gateway.steps(kept.id, "Scanned")


async def test_header_fields_of_another_filter_are_taken_away(gateway: Embedded) -> None:
    received = await gateway.send(b"X-SpamTest-Status: Trusted\r\n" + plain("Lunch on Friday?"))

    assert message_from_bytes(received.body).get_all("X-SpamTest-Status") == ["Not detected"]


async def test_what_the_filter_says_of_itself_stands_in_the_message(gateway: Embedded) -> None:
    received = await gateway.send(plain("spam is bad do not send it"))

    message = message_from_bytes(received.body)
    assert message.get_all("X-SpamTest-Method") == ["Content: Spam"]
    assert message["X-SpamTest-Version"].startswith("SMTP-Filter Version ")
    assert any(line.startswith("Profile: Detect Standard") for line in message.get_all("X-SpamTest-Info", []))
