"""Signs in how a text speaks: how loud, and where it wants its answers."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.journey import Finding
from services.antispam.checks.addresses import ADDRESS
from services.antispam.checks.forwards import is_head_of_another
from services.antispam.database.tables import is_in
from services.antispam.view import View

LONGEST_LOOK = 4000
"""Characters of the text that are looked at."""

LOUD = 40
"""Words: a text that exclaims once in so many, and three times at least, is loud."""


def tone(view: View) -> Iterator[Finding]:
    """Findings about the text as it speaks to its reader."""
    if view.discussion or view.replies:
        return
    text = view.message.text[:LONGEST_LOOK]
    marks = text.count("!") + text.count("！")
    if marks >= 3 and LOUD // 2 < len(text.split()) < LOUD * marks:
        yield Finding("text.exclaims", f"the text exclaims {marks} times")
    if found := _free_mailbox(view, text):
        yield Finding("text.freemail", f"the text names {found}, a mailbox that anybody can have")


def _free_mailbox(view: View, text: str) -> str:
    """An address that takes no part in sending and that anybody can have; "" for none."""
    if "@" not in text:
        return ""
    known = {view.author.address, view.reply_to.address, *view.recipients}
    for line in text.splitlines():
        if "@" not in line or (view.forwards and is_head_of_another(line)):
            continue
        for found in ADDRESS.finditer(line):
            if found[0].lower() not in known and is_in(found[1].lower(), view.tables.freemail):
                return found[0]
    return ""
