"""Who sends composed mail: names, domains and addresses that agree with each other, or do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parseaddr
from random import Random

from gateway.authentication.dmarc.record import organisation_of
from services.antispam.database.shapes import person
from services.antispam.database.written import Written

_PROVIDERS = (
    *("gmail.com", "outlook.com", "yahoo.com", "gmx.net", "icloud.com"),
    *("mail.ru", "qq.com", "web.de", "orange.fr"),
)
_FIRST = (
    *(
        "blue",
        "green",
        "north",
        "river",
        "stone",
        "maple",
        "cedar",
        "harbor",
        "bright",
        "quick",
        "alto",
        "nova",
    ),
    *("lumen", "terra", "kilo", "ever", "grand", "sun", "data", "info"),
)
_SECOND = (
    *(
        "works",
        "group",
        "store",
        "labs",
        "media",
        "press",
        "trade",
        "line",
        "hub",
        "point",
        "market",
        "house",
    ),
    *("studio", "service", "online", "mail", "post", "net", "desk", "team"),
)
_ROLES = ("info", "no-reply", "service", "hello", "news", "noreply", "contact", "support", "office", "mail")
_PERSON_PROGRAMS = ("gmail", "outlook", "phone", "thunderbird", "webmail", "own")

_PROOFS_OF_GOOD = (
    (60, ("pass", "pass", "pass")),
    (12, ("pass", "none", "none")),
    (16, ("pass", "pass", "none")),
    (9, ("none", "none", "none")),
    (3, ("softfail", "pass", "pass")),
)
_PROOFS_OF_BAD = (
    (38, ("pass", "pass", "pass")),
    (16, ("pass", "none", "none")),
    (12, ("pass", "pass", "none")),
    (16, ("none", "none", "none")),
    (12, ("softfail", "none", "fail")),
    (6, ("fail", "none", "fail")),
)


@dataclass(frozen=True, slots=True)
class Sender:
    """Where a message comes from: what its header, its links and its envelope tell."""

    name: str
    address: str
    domain: str
    program: str  # what writes the header: "esp", "outlook", ...
    links: tuple[str, ...]  # addresses that buttons lead to
    client_ip: str
    helo: str
    envelope: str
    spf: str = "pass"
    dkim: str = "pass"
    dmarc: str = "pass"
    crude: bool = False  # nobody took care: fields are missing, lines are long

    @property
    def house(self) -> str:
        """The domain of the host that hands the message on."""
        return self.helo.partition(".")[2]


def choose(text: Written, style: str, words: Mapping[str, tuple[str, ...]], random: Random) -> Sender:
    """Somebody who would send this text."""
    private = style == "person" and (not text.good or text.kind in ("personal", "application"))
    strange = random.choice(_PROVIDERS) if private and random.random() < 0.7 else some_domain(random)
    domain = _told(text) or strange
    local = _local(style, random)
    program = _program(style, domain, random)
    sender = Sender(
        person(words, text.language, random),
        f"{local}@{domain}",
        domain,
        program,
        _links(text, style, domain, random),
        f"{random.choice(('192.0.2', '198.51.100', '203.0.113'))}.{random.randrange(1, 255)}",
        _helo(program, domain, random),
        f"{local}@{domain}",
    )
    if program == "esp":
        sender = replace(
            sender,
            envelope=f"bounces+{random.randrange(10**7)}@em{random.randrange(9999)}.{domain}",
            helo=f"o{random.randrange(99)}.{random.choice(_FIRST)}send.example",
        )
    return _proven(sender, text.good, random)


def named(sender: Sender, author: str, random: Random) -> Sender:
    """The sender as the text itself names its author: by a name, or by a name and an address."""
    if "@" not in author:
        role = random.choice(_ROLES)
        if not author or sender.domain in _PROVIDERS:
            return replace(sender, name=author or sender.name)
        return replace(sender, name=author, address=f"{role}@{sender.domain}")
    name, address = parseaddr(author)
    stays = sender.program == "esp" or address.endswith(f"@{sender.domain}")
    return replace(sender, name=name, address=address, envelope=sender.envelope if stays else address)


def _told(text: Written) -> str:
    """The house of good mail that names its own address: its links and its servers are of that house too."""
    _, at, domain = parseaddr(text.author)[1].rpartition("@")
    known = text.good and at and "{" not in domain and domain not in _PROVIDERS
    return organisation_of(domain) if known else ""


def some_domain(random: Random) -> str:
    """A domain that nobody knows."""
    return f"{random.choice(_FIRST)}{random.choice(('', '-'))}{random.choice(_SECOND)}.example"


def some_word(random: Random) -> str:
    """The first half of a name on the net."""
    return random.choice(_FIRST)


def _proven(sender: Sender, good: bool, random: Random) -> Sender:
    proofs = _PROOFS_OF_GOOD if good else _PROOFS_OF_BAD
    ((_, (spf, dkim, dmarc)),) = random.choices(proofs, [weight for weight, _ in proofs])
    crude = random.random() < (0.04 if good else 0.2)
    return replace(sender, spf=spf, dkim=dkim, dmarc=dmarc, crude=crude)


def _program(style: str, domain: str, random: Random) -> str:
    if domain == "gmail.com":
        return "gmail"
    if domain in _PROVIDERS:
        return random.choice(("webmail", "phone"))
    match style:
        case "bulk":
            return random.choice(("esp", "esp", "esp", "own", "php"))
        case "note":
            return random.choice(("esp", "esp", "own", "script", "php"))
        case "list":
            return random.choice(("thunderbird", "own", "gmail", "mutt"))
        case "away":
            return random.choice(("outlook", "own"))
        case "robot":
            return "script"
        case _:
            return random.choice(_PERSON_PROGRAMS)


def _links(text: Written, style: str, domain: str, random: Random) -> tuple[str, ...]:
    own = some_domain(random) if domain in _PROVIDERS else domain
    mark = f"{random.getrandbits(80):x}"
    counted = f"https://click.{own}/ls/{mark}/{random.randrange(99)}"
    plain = f"https://www.{own}/{random.choice(_SECOND)}/{random.randrange(9999)}"
    if text.good:
        return (
            counted if style == "bulk" else f"https://{own}/{random.choice(_SECOND)}?id={mark[:9]}",
            plain,
        )
    elsewhere = some_domain(random)
    page = random.choice(("login", "verify", "track", "index"))
    return (
        counted,
        plain,
        f"https://{elsewhere}/{mark[:7]}/",
        f"http://{random.choice(_FIRST)}-{random.choice(_SECOND)}.{elsewhere}/{page}.php?e={mark[:6]}",
    )


def _helo(program: str, domain: str, random: Random) -> str:
    if program == "gmail":
        return f"mail-lf1-f{random.randrange(40, 60)}.google.com"
    host = random.choice(("mail", "mx", "smtp", "out", "mta", "server"))
    return f"{host}{random.choice(('', '1', '2', '-out'))}.{domain}"


def _local(style: str, random: Random) -> str:
    if style in ("person", "list", "away"):
        return (
            f"{random.choice(_FIRST)}.{random.choice(_SECOND)}{random.choice(('', '', random.randrange(99)))}"
        )
    return random.choice(_ROLES)
