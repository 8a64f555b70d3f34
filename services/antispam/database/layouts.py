"""How composed mail looks: plain text, and the HTML of newsletter tools, of notes and of mail programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from random import Random

from services.antispam.database.senders import Sender
from services.antispam.database.shapes import Content, archive, document
from services.antispam.database.written import Written

Words = Mapping[str, tuple[str, ...]]

_FONTS = (
    "Arial, Helvetica, sans-serif",
    "'Segoe UI', Roboto, sans-serif",
    "Georgia, serif",
    "Verdana, Geneva, sans-serif",
)
_COLOURS = ("#1a73e8", "#0f766e", "#b91c1c", "#111827", "#7c3aed", "#d97706", "#2b6cb0", "#333333")
_FORM = b"""<form action="https://collect.example/p" method="post">
<input type="email" name="e"><input type="password" name="p"><input type="submit"></form>
"""
_EVENT = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
SUMMARY:\r
DTSTART:20250312T090000Z\r
END:VEVENT\r
END:VCALENDAR\r
"""
_PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63f80f00010101006d5a2d600000000049454e44ae426082"
)
_FORMS = {
    "bulk": (("html",), ("plain", "html"), ("plain", "html"), ("plain",)),
    "note": (("html",), ("plain", "html"), ("plain", "html"), ("plain",)),
    "person": (("plain",), ("plain", "html"), ("plain", "html"), ("html",)),
    "list": (("plain",), ("plain",), ("plain", "html")),
    "robot": (("plain",),),
    "away": (("plain",), ("html",), ("plain", "html")),
}


def lay_out(text: Written, style: str, sender: Sender, words: Words, mailbox: str, random: Random) -> Content:
    """The text in one form or two, with its attachments."""
    forms = random.choice(_FORMS[style])
    body = [line for line in text.lines if not line.startswith("@")]
    footer = _footer(text, style, words, mailbox, random)
    quoted = _quoted(text, words, random) if text.topic else ""
    plain = _plain(body, sender, footer, quoted, random) if "plain" in forms else ""
    html = ""
    if "html" in forms:
        frame = random.choice(_FRAMES[style])
        html = frame(text, body, sender, footer, words, random) + quoted.replace("\n", "<br>\n")
    names = tuple(line[1:].strip() for line in text.lines if line.startswith("@"))
    return Content(plain, html, tuple(_attachment(name, text) for name in names))


def _plain(body: list[str], sender: Sender, footer: list[str], quoted: str, random: Random) -> str:
    lines = [f"{_label(line)}\n{random.choice(sender.links)}" if _is_button(line) else line for line in body]
    if footer:
        lines += ["", random.choice(("--", "-" * 40, "")), *footer]
        if random.random() < 0.7:
            lines.append(f"https://www.{sender.domain}/u/{random.getrandbits(40):x}")
    return "\n".join(lines) + "\n" + quoted


def _newsletter(
    text: Written, body: list[str], sender: Sender, footer: list[str], words: Words, random: Random
) -> str:
    font, colour, size = random.choice(_FONTS), random.choice(_COLOURS), random.choice((14, 15, 16))
    preheader = escape(next((line for line in body if line and not _is_button(line)), "")[:90])
    hidden = "display:none;max-height:0;overflow:hidden;mso-hide:all"
    cell = f"padding:8px 24px;font-family:{font};font-size:{size}px;line-height:1.5;color:#333"
    rows = [f'<tr><td style="{cell}">{part}</td></tr>' for part in _blocks(body, sender, colour, random)]
    if random.random() < 0.75:
        picture = (
            f'src="https://img.{sender.domain}/h/{random.randrange(999)}.png" alt="{escape(sender.name)}"'
        )
        rows.insert(0, f'<tr><td><img {picture} width="600" style="display:block;border:0"></td></tr>')
    if random.random() < 0.6:
        online = f'<a href="{sender.links[0]}v">{escape(random.choice(words["browser"]))}</a>'
        rows.insert(0, f'<tr><td align="center" style="font-size:11px;color:#888">{online}</td></tr>')
    if footer:
        leave = f"https://click.{sender.domain}/u/{random.getrandbits(48):x}"
        end = "<br>".join([*map(escape, footer[:-1]), f'<a href="{leave}">{escape(footer[-1])}</a>'])
        rows.append(f'<tr><td style="padding:20px 24px;font-size:11px;color:#888">{end}</td></tr>')
    seen = f"https://click.{sender.domain}/o/{random.getrandbits(64):x}.gif"
    pixel = f'<img src="{seen}" width="1" height="1" alt="">' if random.random() < 0.8 else ""
    inner = "\n".join(rows)
    return f"""<!DOCTYPE html>
<html lang="{text.language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(text.subject)}</title>
<style>body{{margin:0;padding:0}}@media(max-width:620px){{.w{{width:100%!important}}}}</style></head>
<body bgcolor="#f4f4f4"><div style="{hidden}">{preheader}{"&zwnj;&nbsp;" * random.randrange(40)}</div>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr><td align="center">
<table class="w" role="presentation" width="600" cellpadding="0" cellspacing="0" border="0" bgcolor="#ffffff">
{inner}
</table></td></tr></table>{pixel}</body></html>
"""


def _card(
    text: Written, body: list[str], sender: Sender, footer: list[str], words: Words, random: Random
) -> str:
    font, colour = random.choice(_FONTS), random.choice(_COLOURS)
    parts = [f"<p>{part}</p>" for part in _blocks(body, sender, colour, random)]
    if random.random() < 0.4:
        parts.insert(0, f'<h2 style="color:{colour}">{escape(text.subject)}</h2>')
    if random.random() < 0.5:
        parts.insert(
            0, f'<img src="https://{sender.domain}/logo.png" height="32" alt="{escape(sender.name)}"><br>'
        )
    if footer:
        parts.append(f'<hr><p style="font-size:12px;color:#777">{"<br>".join(map(escape, footer))}</p>')
    inner = "\n".join(parts)
    return f"""<html><body style="font-family:{font};color:#222">
<div style="max-width:560px;margin:auto;padding:16px;border:1px solid #ddd">{inner}</div></body></html>
"""


def _bare(
    text: Written, body: list[str], sender: Sender, footer: list[str], words: Words, random: Random
) -> str:
    rest = "<br>\n".join(_inline(line, sender, random) for line in [*body, *footer])
    frames = (
        "<html><body>{}</body></html>\n",
        "<div>{}</div>\n",
        "{}\n",
        "<HTML><HEAD></HEAD><BODY><font face=Arial size=2>{}</font></BODY></HTML>\n",
    )
    return random.choice(frames).format(rest)


def _outlook(
    text: Written, body: list[str], sender: Sender, footer: list[str], words: Words, random: Random
) -> str:
    rest = "\n".join(
        f'<p class="MsoNormal">{_inline(line, sender, random) or "<o:p>&nbsp;</o:p>"}</p>' for line in body
    )
    return f"""<html xmlns:o="urn:schemas-microsoft-com:office:office"
xmlns:w="urn:schemas-microsoft-com:office:word">
<head><style><!-- p.MsoNormal
{{margin:0cm; font-size:11.0pt; font-family:"Calibri",sans-serif;}} --></style></head>
<body lang="{text.language.upper()[:2]}"><div class="WordSection1">
{rest}
</div></body></html>
"""


def _webmail(
    text: Written, body: list[str], sender: Sender, footer: list[str], words: Words, random: Random
) -> str:
    return (
        '<div dir="ltr">'
        + "".join(f"<div>{_inline(line, sender, random) or '<br>'}</div>" for line in body)
        + "</div>\n"
    )


_Frame = Callable[[Written, list[str], Sender, list[str], Words, Random], str]
_FRAMES: Mapping[str, tuple[_Frame, ...]] = {
    "bulk": (_newsletter, _newsletter, _newsletter, _card, _bare),
    "note": (_newsletter, _card, _card, _bare),
    "person": (_webmail, _outlook, _bare),
    "list": (_webmail,),
    "robot": (_bare,),
    "away": (_outlook, _webmail),
}


def _blocks(body: list[str], sender: Sender, colour: str, random: Random) -> list[str]:
    blocks: list[str] = []
    for paragraph in "\n".join(body).split("\n\n"):
        lines = [line for line in paragraph.split("\n") if line]
        shown = [
            _button(line, sender, colour, random) if _is_button(line) else escape(line) for line in lines
        ]
        blocks.append("<br>\n".join(shown))
    return blocks


def _button(line: str, sender: Sender, colour: str, random: Random) -> str:
    style = f"display:inline-block;padding:12px 22px;background:{colour};color:#fff;border-radius:4px"
    return f'<a href="{escape(random.choice(sender.links))}" style="{style}">{escape(_label(line))}</a>'


def _inline(line: str, sender: Sender, random: Random) -> str:
    if not _is_button(line):
        return escape(line)
    return f'<a href="{escape(random.choice(sender.links))}">{escape(_label(line))}</a>'


def _is_button(line: str) -> bool:
    return line.startswith("[") and line.endswith("]")


def _label(line: str) -> str:
    return line[1:-1]


def _footer(text: Written, style: str, words: Words, mailbox: str, random: Random) -> list[str]:
    """Who sends, why and how to leave: newsletters mostly have it, bad ones too, notes now and then."""
    chance = random.random()
    if style not in ("bulk", "note") or chance > {"bulk": 0.93 if text.good else 0.6, "note": 0.3}[style]:
        return []
    imprint = (
        f"{random.choice(words['shop'])}, {random.choice(words['street'])}, {random.choice(words['city'])}"
    )
    why = random.choice(words["why"]).replace("{mailbox}", mailbox)
    return [line for line in (imprint, why if chance < 0.6 else "") if line] + [
        random.choice(words["unsubscribe"])
    ]


def _quoted(text: Written, words: Words, random: Random) -> str:
    asked = f"{random.choice(words['first'])}?"
    earlier = random.choice(
        ("...", text.topic, asked, f"{text.topic}\n> \n> {random.choice(words['first'])}")
    )
    return f"\n{random.choice(words['first'])}:\n> {earlier}\n"


def _attachment(name: str, text: Written) -> tuple[str, str, bytes]:
    words = " ".join(line for line in text.lines if not line.startswith("@"))[:300]
    kind = name.rpartition(".")[2].lower()
    match kind:
        case "pdf":
            return name, "application/pdf", document(f"{text.subject} {words}")
        case "zip":
            return name, "application/zip", archive("document.txt", words.encode("utf-8"))
        case "html" | "htm":
            return name, "text/html", _FORM
        case "ics":
            return name, "text/calendar", _EVENT.replace(b"SUMMARY:", f"SUMMARY:{text.subject}".encode())
        case "jpg" | "png":
            return name, "image/png", _PICTURE
        case _:
            return name, "application/octet-stream", words.encode("utf-8")
