"""Shapes of unwanted mail: what is told in it together, and whether who tells it can be known.

One motif stands in honest mail every day; a bank does write of accounts. So a shape needs several, and
weighs more where nothing in the message belongs to its sender.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import digits

from gateway.domain.journey import Finding
from services.antispam.view import View

LONGEST_LOOK = 8_000
"""Characters in which sums and numbers are looked for."""

LONG = 5_000
"""Characters from which on a text tells a little of everything: there it takes twice as much."""

# What these begin with can be looked for fast; then they look back.
_SUM = re.compile(
    r"\d(?i:(?:(?<=[$€£].)|(?<=[$€£]\s.)"
    r"|(?<=usd.)|(?<=usd\s.)|(?<=eur.)|(?<=eur\s.)|(?<=gbp.)|(?<=gbp\s.)"
    r"|(?<=us dollar.)|(?<=us dollar\s.)|(?<=us dollars.)|(?<=us dollars\s.))\d{0,2}[.,]\d{3}"
    r"|(?<![\d.,].)(?:"
    r"\d{0,2}(?:[.,]\d{3}){2,3}(?:[.,]\d\d)?\s?(?:\$|usd|euros?|€|dollars?|pounds|gbp)"
    r"|[\d.,]{0,15}\s?(?:millions?|billion|milliones|millionen|milhões|millones)\b))"
)
_MILLIONS = re.compile(r"million (?:us |united states |american )?(?:dollar|euro|pound)")
_PHONE = re.compile(
    r"(?<!\d)(?:\+?1[ .-]{0,3})?[(]?8\d\d[)]?[ .-]{0,3}\d{3}[ .-]{0,3}\d{4}\b"
    r"|\+\d{1,3}(?:[ ().-]{0,3}\d){9,12}\b"
    r"|[(]\d{3}[)][ .-]{0,3}\d{3}[ .-]{0,3}\d{4}\b"
)
_DIGITS = re.compile(r"\d(?:[ ().-]{0,4}\d){6,}")
_COIN = re.compile(
    r"[b130T](?<=\b.)(?:(?<=b)c1[a-z0-9]{25,60}|(?<=[13])[a-km-zA-HJ-NP-Z1-9]{26,34}"
    r"|(?<=0)x[a-fA-F0-9]{40}|(?<=T)[A-Za-z1-9]{33})\b"
)


@dataclass(frozen=True, slots=True)
class _Shape:
    name: str
    reason: str
    alternatives: tuple[Mapping[str, int], ...]  # motifs, and how many phrases of each at least


_SHAPES = (
    _Shape(
        "advance_fee",
        "it promises money of strangers",
        (
            {"stranger": 4},
            {"stranger": 1, "plea": 2},
            {"stranger": 1, "plea": 1, "sum": 1},
            {"plea": 2, "sum": 1},
            {"stranger": 2, "sum": 1},
        ),
    ),
    _Shape(
        "plea",
        "a stranger asks to be answered",
        ({"plea": 2}, {"stranger": 1, "anonymous": 1}, {"plea": 1, "anonymous": 1}),
    ),
    _Shape(
        "extortion",
        "it threatens to tell what the reader is said to have done",
        ({"extort": 3, "crypto": 1}, {"extort": 2, "coin": 1}, {"extort": 5}),
    ),
    _Shape("coin", "it gives the address of a purse of crypto money", ({"coin": 1},)),
    _Shape(
        "account",
        "it is about an account, says what is wrong with it, and what to do",
        ({"account": 1, "threat": 1, "demand": 1},),
    ),
    _Shape(
        "account_pressed",
        "it presses an unnamed reader to do something for an account",
        (
            {"account": 1, "threat": 1, "demand": 1, "hurry": 1},
            {"account": 1, "demand": 1, "anonymous": 1},
            {"account": 1, "threat": 1, "anonymous": 1},
            {"account": 2, "threat": 2, "demand": 2},
        ),
    ),
    _Shape("crypto", "it is about crypto money", ({"crypto": 2}, {"crypto": 1, "wallet": 1})),
    _Shape(
        "crypto_offer",
        "it offers crypto money, or asks for something about it",
        (
            {"crypto": 1, "wallet": 1, "demand": 1},
            {"crypto": 1, "prize": 1},
            {"crypto": 1, "wallet": 1, "offer": 1},
            {"crypto": 1, "threat": 1},
            {"crypto": 1, "account": 1},
            {"crypto": 1, "sum": 1},
            {"crypto": 3},
        ),
    ),
    _Shape(
        "prize", "it promises a prize", ({"prize": 2}, {"prize": 1, "offer": 2}, {"prize": 1, "hurry": 1})
    ),
    _Shape(
        "medicine",
        "it offers medicines",
        (
            {"pharmacy": 2},
            {"pharmacy": 1, "enhance": 1},
            {"pharmacy": 1, "bargain": 1},
            {"pharmacy": 1, "offer": 1},
        ),
    ),
    _Shape("enhancement", "it promises potency", ({"enhance": 2},)),
    _Shape("health", "it promises a cure", ({"weight": 2}, {"weight": 1, "bargain": 1})),
    _Shape("adult", "it is about sex", ({"adult": 2}, {"adult": 1, "dating": 1})),
    _Shape("dating", "it offers company", ({"dating": 2},)),
    _Shape("gambling", "it invites to gamble", ({"gamble": 2}, {"gamble": 1, "offer": 1})),
    _Shape("loan", "it offers loans", ({"loan": 3}, {"loan": 1, "bargain": 1}, {"loan": 2, "demand": 1})),
    _Shape(
        "job",
        "it promises money for little work",
        ({"job": 2}, {"job": 1, "bargain": 1}, {"job": 1, "invest": 1}),
    ),
    _Shape("investment", "it promises profit", ({"invest": 2},)),
    _Shape(
        "forgery",
        "it offers copies, licences or diplomas for little money",
        ({"fake": 2}, {"fake": 1, "bargain": 1}),
    ),
    _Shape("bargain", "it is a noisy offer", ({"bargain": 3}, {"bargain": 2, "hurry": 1})),
    _Shape("protest", "it says that it is no spam, or how to get rid of it", ({"protest": 1},)),
    _Shape("removal", "it speaks of its lists as those do who buy them", ({"removal": 1},)),
    _Shape("removal_pressed", "it speaks of little else than of its lists", ({"removal": 3},)),
    _Shape(
        "callback",
        "it tells of a charge and has the reader call a number",
        (
            {"charge": 1, "phone": 1, "cancel": 1},
            {"charge": 2, "phone": 1},
            {"charge": 1, "callback": 1, "phone": 1},
        ),
    ),
    _Shape(
        "parcel",
        "a parcel waits until something is paid or confirmed",
        ({"parcel": 1, "fee": 1, "demand": 1}, {"parcel": 1, "fee": 1, "hurry": 1}, {"parcel": 1, "fee": 2}),
    ),
    _Shape(
        "document",
        "a document or message waits behind a link",
        ({"document": 1, "demand": 1}, {"document": 2}),
    ),
    _Shape("pitch", "a stranger offers services to a business", ({"pitch": 3},)),
    _Shape("executive", "somebody asks for a favour in private", ({"executive": 2},)),
)


def shapes(view: View) -> Iterator[Finding]:
    """A finding for each shape; one more for shapes that nobody stands for."""
    if view.threaded and view.discussion:
        return
    told = {motif: len(phrases) for motif, phrases in view.motifs.items()}
    if len(view.message.text) > LONG:
        told = {motif: phrases // 2 for motif, phrases in told.items()}
    told |= dict.fromkeys(_numbers(view.message.text[:LONGEST_LOOK]), 1)
    strange = not view.related
    for shape in _SHAPES:
        if any(_is_told(needs, told) for needs in shape.alternatives):
            evidence = ", ".join(_evidence(shape, view.motifs))
            yield Finding(f"shape.{shape.name}", f"{shape.reason}: {evidence}" if evidence else shape.reason)
            if strange:
                yield Finding(
                    f"stranger.{shape.name}",
                    f"{shape.reason}, and nothing in it belongs to {view.author.domain or 'its sender'}",
                )


def _is_told(needs: Mapping[str, int], told: Mapping[str, int]) -> bool:
    return needs.keys() <= told.keys() and all(told[motif] >= least for motif, least in needs.items())


def _numbers(text: str) -> Iterator[str]:
    """Sums, telephone numbers and addresses of purses."""
    has_digits = not text.isascii() or any(digit in text for digit in digits)
    if (has_digits and _SUM.search(text)) or _MILLIONS.search(text.lower()):
        yield "sum"
    # One begins with a bracket at most, and what stands behind the last digit may say that it is none.
    rows = ((row.start(), row.end()) for row in _DIGITS.finditer(text if has_digits else ""))
    if any(_PHONE.search(text, max(start - 1, 0), end + 1) for start, end in rows):
        yield "phone"
    if _COIN.search(text):
        yield "coin"


def _evidence(shape: _Shape, motifs: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    wanted = dict.fromkeys(motif for needs in shape.alternatives for motif in needs)
    phrases = [phrase for motif in wanted for phrase in motifs.get(motif, ())[:2]]
    return (repr(phrase) for phrase in phrases[:5])
