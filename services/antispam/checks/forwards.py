"""Signs in a message that another one passes on: who forwards it says nothing of who wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.domain.journey import Finding
from services.antispam.checks.addresses import is_decorated, made_by_chance
from services.antispam.houses import feigned
from services.antispam.view import View, read_mailbox

LONGEST_LOOK = 1500
"""Characters in which the head of the other message is looked for."""

_AUTHORS = "from|de|von|da|van|från|fra|od|от|kimden|发件人|寄件者|差出人"
_OTHERS = (
    "sent|date|subject|to|gesendet|datum|betreff|an|envoyé|objet|à|enviado(?: el)?|data|assunto|asunto|para"
    "|inviato|oggetto|verzonden|onderwerp|skickat|ämne|wysłano|temat|отправлено|дата|тема"
    "|发送时间|主题|送信日時|件名|cc|kopie"
)
_AUTHOR = re.compile(
    rf"^[>*\s]{{0,6}}(?:{_AUTHORS})\*?\s{{0,3}}[:：]\*?[ \t]*(\S[^\n]{{0,300}})$",
    re.IGNORECASE | re.MULTILINE,
)
_BESIDE = re.compile(rf"^[>*\s]{{0,6}}(?:{_OTHERS})\*?\s{{0,3}}[:：]", re.IGNORECASE | re.MULTILINE)


def is_head_of_another(line: str) -> bool:
    """Whether a line is one of those by which a message that is passed on begins: `From: ...`."""
    return _AUTHOR.match(line) is not None or _BESIDE.match(line) is not None


def forwards(view: View) -> Iterator[Finding]:
    """Findings about the author of the message that this one forwards."""
    if not view.forwards:
        return
    text = view.message.text[:LONGEST_LOOK]
    found = _AUTHOR.search(text)
    if found is None or not _BESIDE.search(text, found.end()):
        return
    author = read_mailbox(found[1], view.tables)
    house = feigned(author.name, author.domain, author.organisation, view.tables)
    if house and not house.common and author.domain:
        reason = f"it forwards mail of {author.name[:60]!r}, which is not of {house.name}"
        yield Finding("forward.feigned", reason)
    if is_decorated(author.name):
        yield Finding("forward.decorated", f"it forwards mail of a decorated name: {author.name[:60]!r}")
    if made_by_chance(author):
        yield Finding("forward.random", f"it forwards mail of {author.address!r}, which looks made by chance")
    if view.tables.abuse_of(author.domain) > 1:
        reason = f"it forwards mail of {author.organisation}, of a kind that costs nothing"
        yield Finding("forward.cheap_domain", reason)
    if not any(map(str.isalnum, text[: found.start()])):
        yield Finding("forward.alone", "it forwards mail, and says nothing of it")
