"""The header fields that programs of senders write: tables of what is seen daily."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random

from services.antispam.database.senders import Sender, some_word
from services.antispam.database.shapes import encoded
from services.antispam.database.written import Written

Fields = list[tuple[str, str]]


def header(text: Written, style: str, sender: Sender, mailbox: str, when: datetime, random: Random) -> Fields:
    """The header fields of a message, those of its MIME structure aside."""
    theirs = mailbox.partition("@")[2]
    unique = f"{random.getrandbits(64):x}"
    received = (
        f"from {sender.helo} ({sender.helo} [{sender.client_ip}])\r\n\t"
        f"by mx.{theirs} with ESMTPS id {unique[:10]};\r\n\t{format_datetime(when + timedelta(seconds=4))}"
    )
    found = [
        ("Received", received),
        ("Date", format_datetime(when)),
        ("From", f"{encoded(sender.name)} <{sender.address}>" if sender.name else sender.address),
        ("To", _to(mailbox, text, sender, random)),
        ("Subject", encoded(_subject(text, random))),
        ("Message-ID", _message_id(sender, unique)),
        *_signatures(sender, random),
    ]
    if text.topic:
        earlier = f"<{random.getrandbits(60):x}@{theirs}>"
        found += [("In-Reply-To", earlier), ("References", earlier)]
    found += _of_program(sender, style, random)
    found += _of_style(style, sender, random)
    if sender.crude:
        missing = random.choice(("Date", "Message-ID", "To", ""))
        found = [field for field in found if field[0] != missing]
    return found


def _subject(text: Written, random: Random) -> str:
    if not text.topic:
        return text.subject
    return f"{random.choice(('Re', 'Re', 'RE', 'AW' if text.language == 'de' else 'Re'))}: {text.topic}"


def _of_program(sender: Sender, style: str, random: Random) -> Fields:
    number = random.randrange(10**6)
    match sender.program:
        case "esp":
            return _of_house(sender, style, number, random)
        case "outlook":
            mailer = [("X-Mailer", "Microsoft Outlook 16.0")] * random.randrange(2)
            return [
                ("Accept-Language", "en-US, de-DE"),
                ("Thread-Index", f"AQHZ{random.getrandbits(90):x}=="),
                ("X-MS-Has-Attach", ""),
                *mailer,
            ]
        case "phone":
            build = f"{random.randrange(15, 23)}{random.choice('ABCDEFGH')}{random.randrange(20, 400)}"
            return [("X-Mailer", f"iPhone Mail ({build})")]
        case "thunderbird":
            version = f"{random.randrange(78, 140)}.{random.randrange(9)}"
            return [("User-Agent", f"Mozilla Thunderbird {version}"), ("Content-Language", "en-US")]
        case "mutt":
            return [("User-Agent", f"Mutt/2.{random.randrange(3)}.{random.randrange(12)}")]
        case "php":
            version = f"6.{random.randrange(1, 9)}.{random.randrange(9)}"
            mailer = [("X-Mailer", f"PHPMailer {version} (https://github.com/PHPMailer/PHPMailer)")]
            leave = [("List-Unsubscribe", f"<mailto:leave@{sender.domain}>")]
            return mailer + leave * (style == "bulk" and random.random() < 0.5)
        case "webmail":
            return random.choice(
                (
                    [],
                    [("X-Mailer", "Open-Xchange Mailer v7.10")],
                    [("User-Agent", "Roundcube Webmail/1.6.5")],
                    [("X-Priority", "3")],
                )
            )
        case _:
            return []


def _of_house(sender: Sender, style: str, number: int, random: Random) -> Fields:
    fields = [
        ("Feedback-ID", f"{number}:{random.randrange(99999)}:c{random.randrange(999)}:{sender.house[:5]}"),
        ("X-Report-Abuse-To", f"abuse@{sender.house}"),
        ("X-Mailer", f"{random.choice(('Campaign', 'Mailings', 'PostEngine'))} {random.randrange(1, 9)}.0"),
    ]
    leave = [
        (
            "List-Unsubscribe",
            f"<https://click.{sender.domain}/u/{number:x}>, <mailto:u.{number:x}@{sender.domain}>",
        ),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]
    leaves = style == "bulk" or random.random() < 0.2
    return (fields + leave * leaves) if random.random() < 0.8 else fields[:1]


def _of_style(style: str, sender: Sender, random: Random) -> Fields:
    match style:
        case "list":
            purpose = random.choice(("users", "devel", "talk", "discuss", "announce"))
            name, host = f"{some_word(random)}-{purpose}", f"lists.{some_word(random)}.example"
            return [
                ("List-Id", f"<{name}.{host}>"),
                ("List-Post", f"<mailto:{name}@{host}>"),
                ("List-Unsubscribe", f"<mailto:{name}-leave@{host}>"),
                ("Precedence", "list"),
            ]
        case "robot":
            return [("Auto-Submitted", "auto-generated")] * random.randrange(2)
        case "away":
            return [
                ("Auto-Submitted", "auto-replied"),
                ("X-Auto-Response-Suppress", "All"),
                ("Precedence", "bulk"),
            ]
        case "bulk":
            bulk = [("Precedence", "bulk")] * (random.random() < 0.3)
            return bulk + [("Reply-To", f"reply@{sender.domain}")] * (random.random() < 0.3)
        case _:
            return []


def _signatures(sender: Sender, random: Random) -> Fields:
    if sender.dkim == "none":
        return []
    domains = [sender.address.partition("@")[2]]
    if sender.program == "esp":
        domains.append(sender.house)
    return [
        (
            "DKIM-Signature",
            f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=s{random.randrange(1, 9)};\r\n\t"
            f"h=from:to:subject:date:message-id; bh={random.getrandbits(200):x}=;\r\n\t"
            f"b={random.getrandbits(256):x}",
        )
        for domain in domains
    ]


def _to(mailbox: str, text: Written, sender: Sender, random: Random) -> str:
    chance = random.random()
    if chance < (0.02 if text.good else 0.08):
        return "undisclosed-recipients:;"
    if not text.good and chance < 0.15:
        return sender.address
    return mailbox if chance < 0.6 else f'"{mailbox.partition("@")[0].replace(".", " ").title()}" <{mailbox}>'


def _message_id(sender: Sender, unique: str) -> str:
    if sender.program == "gmail":
        return f"<CA{unique}{unique[::-1]}@mail.gmail.com>"
    if sender.program == "esp":
        return f"<{unique}.{unique[:6]}@{sender.house}>"
    return f"<{unique}@{sender.domain}>"
