"""Messages and their marks as files: `tests/corpus/antispam/marking/<case>/`.

`verdict` holds the status and then a category a line, `message.eml` the message as it came, and a file named
for each `ActionSpam` what becomes of it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.domain.journey import Finding
from gateway.domain.mail import BodyRef, Envelope, Mail
from gateway.domain.message import composed, with_edits
from gateway.domain.policy import Degree, SpamAction
from services.antispam.database.categories import STATUSES
from services.antispam.marking import Filter, Verdict, mark
from services.antispam.message import read_message
from tests.support.content import SHIPPED_DATABASE

CORPUS = Path(__file__).parents[2] / "corpus" / "antispam" / "marking"
CASES = sorted(folder.name for folder in CORPUS.iterdir())
CATEGORIES = SHIPPED_DATABASE.categories
FOUND = {
    "spam": (Finding("spam_phrase", "seen", 100.0),),
    "probable": (Finding("probable_phrase", "seen", 7.0),),
    "not-detected": (),
}
FILTER = Filter("0.1.0", Degree.STANDARD, "28123/261122", CATEGORIES)


def marked(case: Path, action: SpamAction) -> bytes:
    status, *categories = (case / "verdict").read_text().splitlines()
    verdict = Verdict(STATUSES[status], CATEGORIES.with_parents(categories), FOUND[status])
    raw = (case / "message.eml").read_bytes()
    marks = mark(read_message(raw), verdict, action, FILTER)
    envelope = Envelope(sender="", recipients=(), client_ip="192.0.2.1", received_at=datetime.now(UTC))
    mail = Mail(id="a", source_id="a", envelope=envelope, body=BodyRef("0-a", len(raw)), top=marks.top)
    return composed(with_edits(mail, marks.edits), raw)


@pytest.mark.parametrize("action", SpamAction)
@pytest.mark.parametrize("case", CASES)
def test_a_message_is_marked_as_the_file_says(case: str, action: SpamAction) -> None:
    assert marked(CORPUS / case, action) == (CORPUS / case / f"{action}.eml").read_bytes()
