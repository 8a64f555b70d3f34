"""Signs of honest mail. A stranger can write any header, so only what agrees with the rest counts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.authentication.dmarc.record import organisation_of
from gateway.domain.journey import Finding
from services.antispam.message import Source
from services.antispam.view import View

# Line ends can be looked for faster than beginnings of lines.
_QUOTED = re.compile(r"\n[ \t]{0,2}[>|][ \t>]*\S")
_WROTE = (
    *("wrote", "writes", "schrieb", "a écrit", "escribió", "escreveu", "ha scritto", "schreef", "napisał"),
    *("пишет", "писал", "写道", "書きました", "--"),
)
"""In small letters, one of these stands where a message is quoted."""

_ANSWERED = re.compile(
    r"(?:wrote|writes|schrieb[^\n:]{0,80}|a écrit|escribió|escreveu|ha scritto|schreef|napisał\(?a?\)?|пишет"
    r"|писал\(?а?\)?|写道|さん?は書きました)\s*[:：]"
    r"|^-{2,}\s*(?:original message|ursprüngliche nachricht|message d'origine|mensaje original"
    r"|mensagem original)\s*-{2,}",
    re.MULTILINE,
)
_WORK = re.compile(
    r"\n(?:diff --git |@@ -\d+,\d+ \+\d+|--- a/|\+\+\+ b/|Signed-off-by: |Reviewed-by: |#include <"
    r"|Traceback \(most recent call last\)|\s*(?:\$ |# )(?:sudo|apt|git|cd|ls|cat|mdadm|make) )"
)
_SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
_CODE = re.compile(r"(?<![\w#.-])(?:\d{4,8}|\d{3}[ -]\d{3}|[A-Z]-\d{6}|[A-Z0-9]{6,8})(?![\w-])")
_CODE_WORD = re.compile(
    r"\b(?:(?:verification|security|one[- ]time|login|sign[- ]?in|access|confirmation|authentication)\s*)?"
    r"(?:code|passcode|otp|pin|tan)\b|bestätigungscode|sicherheitscode|einmal"
    r"|code de (?:vérification|sécurité|confirmation)|código|codice|код|kod"
    r"|验证码|驗證碼|認証コード|確認コード",
    re.IGNORECASE,
)
_AGENT = re.compile(
    r"(?:Mozilla/5\.0 .*(?:Thunderbird|Gecko)|Mutt/|NeoMutt|Evolution |KMail/|Claws Mail|Alpine |Pine"
    r"|Gnus/|git-send-email|iPhone Mail|iPad Mail|Apple Mail|Sylpheed|Roundcube|mu4e|b4 |VM \d|XEmacs|exmh"
    r"|ELM|nmh|Ximian|Cyrus-JMAP|K-9 Mail|StGit|aerc)",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W\d_]{3,}")
_LEGAL = frozenset(
    ("the", "inc", "ltd", "llc", "gmbh", "und", "and", "team", "news", "info", "mail", "service", "support")
)

LONGEST_LOOK = 20_000
"""Characters of a text in which quotes and work are looked for."""

SHORT = 700
"""Characters of a text that says one thing."""

OWN_SHARE = 0.5
"""Of the links that lead somewhere, those to the sender."""


def good(view: View) -> Iterator[Finding]:
    """Findings that speak for a message."""
    yield from _conversation(view)
    yield from _person(view)
    yield from _house(view)


def _conversation(view: View) -> Iterator[Finding]:
    # Each line stands behind a line end, the first one too.
    text = "\n" + (view.message.plain or view.message.text)[:LONGEST_LOOK]
    if view.threaded and (len(_QUOTED.findall(text)) >= 2 or _quotes(text.lower())):
        yield Finding("good.conversation", "it answers a message, and quotes it")
    elif view.replies:
        yield Finding("good.answer", "it answers a message")
    if view.discussion and view.threaded:
        yield Finding("good.discussion", "it comes through a list of people who write to each other")
    elif view.discussion:
        yield Finding("good.post", "it begins a thread on a list of people who write to each other")
    if _WORK.search(text):
        yield Finding("good.work", "it is about code, or the output of a program")


def _quotes(text: str) -> bool:
    return any(word in text for word in _WROTE) and _ANSWERED.search(text) is not None


def _person(view: View) -> Iterator[Finding]:
    message = view.message
    agent = view.value("user-agent") or view.value("x-mailer")
    if _AGENT.match(agent) and not view.bulk:
        yield Finding("good.agent", f"a person's program wrote it: {agent[:40]!r}")
    text = message.plain or message.text
    if not view.visited and _SIGNATURE.search(text[-3000:]):
        yield Finding("good.signature", "it ends in a signature")
    if _related(view) and not view.forwards:
        yield Finding("good.named", f"the author's name, {view.author.name[:40]!r}, fits the address")


def _house(view: View) -> Iterator[Finding]:
    if view.known:
        yield Finding("good.known", f"it is proven to come from a well-known house, {view.author.domain}")
    house = view.standing
    if not house or "removal" in view.motifs:
        return  # what belongs to anybody, to others than it says, or to who buys lists, speaks for nobody
    signed = house in view.signers
    weblinks = [link for link in view.visited if link.source is not Source.ATTACHMENT and link.domain]
    domains = frozenset(filter(view.is_own, view.destinations))
    own = [link for link in weblinks if link.domain in domains]
    if view.says_little:
        pass  # a domain of one's own is no comfort where nothing can be read
    elif weblinks and len(own) >= OWN_SHARE * len(weblinks):
        name = "good.own_links_signed" if signed else "good.own_links"
        yield Finding(name, f"{len(own)} of {len(weblinks)} links lead to the sender, {house}")
    elif own:
        name = "good.some_own_links"
        yield Finding(name, f"{len(own)} of {len(weblinks)} links lead to the sender, {house}")
    if signed:
        yield Finding("good.signed", f"{house} signed it")
    leave = view.value("list-unsubscribe").lower()
    if leave and any(
        organisation_of(host) in view.senders for host in re.findall(r"(?:https?://|@)([\w.-]{1,200})", leave)
    ):
        yield Finding("good.unsubscribe", "the way to leave its list leads to its sender")
    text = message_text(view)
    if (
        len(text) < SHORT
        and _CODE.search(text)
        and _CODE_WORD.search(text[:SHORT])
        and len(own) == len(weblinks)
        and not (view.forwards or any(link.source is Source.ATTACHMENT for link in view.visited))
    ):
        yield Finding("good.code", "it tells a code for one use, and leads nowhere else")


def message_text(view: View) -> str:
    """The text that is seen, without white space around it."""
    return view.message.text.strip()


def _related(view: View) -> bool:
    """Whether a word of the author's name is in the address: in front of the @, or behind it for a house."""
    author = view.author
    words = [word for word in _WORDS.findall(author.name.casefold()) if word not in _LEGAL]
    squeezed = "".join(words)
    local = author.local.casefold()
    label = author.label
    if any(word in local or (len(word) > 3 and word in label) for word in words):
        return True
    return len(label) >= 3 and label.replace("-", "") in squeezed
