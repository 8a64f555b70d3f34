"""SMTP dialogues as text files, played over a real socket.

# A comment.
! limits.recipients = 1            one of the receiver's rules is different
! relay = allow from any to *      a relay rule before the others; may be repeated
S: 220 gw.example ESMTP            what the server has to say; "..." at the end stands for any text
C: EHLO client.example             a line that the client sends; CRLF is added
C> DATA\r\n                        bytes that the client sends, with the escapes of Python
M> Subject: x\r\n                  a message that has to be stored by the end, whole; in order
END                                the server has to close the connection here
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from gateway.domain.access import RelayRule
from services.receiver.rules import Rules
from tests.support.receiving import RULES, receiving
from tests.support.smtp_client import RawClient, connected


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a dialogue."""

    number: int
    kind: str  # "S", "C", "M" or "END"
    text: str  # what the server says
    content: bytes  # what is sent, or has to be stored


async def play(path: Path, *, piece_size: int = 0) -> None:
    """Play a dialogue, sending in pieces of that size, and fail where the server says something else."""
    rules, steps = read_dialogue(path)
    async with receiving(rules) as running, connected(running.port) as client:
        for step in steps:
            await _take(step, client, f"{path.name}:{step.number}", piece_size)
        assert running.blobs.bodies == [step.content for step in steps if step.kind == "M"], path.name


def read_dialogue(path: Path) -> tuple[Rules, list[Step]]:
    """The rules that a dialogue is played under, and its steps."""
    rules, steps = RULES, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        mark, _, text = line.partition(" ")
        match mark:
            case "" | "#":
                continue
            case "!":
                rules = _with_rule(rules, text)
            case "S:":
                steps.append(Step(number, "S", text, b""))
            case "C:":
                steps.append(Step(number, "C", "", text.encode() + b"\r\n"))
            case "C>" | "M>":
                steps.append(Step(number, mark[0], "", _unescaped(text)))
            case "END":
                steps.append(Step(number, "END", "", b""))
            case _:
                raise ValueError(f"{path.name}:{number}: begins with none of # ! S: C: C> M> END")
    return rules, steps


async def _take(step: Step, client: RawClient, place: str, piece_size: int) -> None:
    match step.kind:
        case "C":
            await client.send(step.content, piece_size=piece_size)
        case "S":
            said = await client.line()
            expected = step.text.removesuffix("...")
            is_whole = expected == step.text
            assert said == expected if is_whole else said.startswith(expected), f"{place}: got {said!r}"
        case "END":
            assert await client.is_closed(), f"{place}: the connection stays open"


def _with_rule(rules: Rules, text: str) -> Rules:
    name, _, value = (part.strip() for part in text.partition("="))
    group, _, field = name.partition(".")
    match group:
        case "relay":
            return replace(rules, relay=(RelayRule.parse(value), *rules.relay))
        case "limits":
            return replace(rules, limits=replace(rules.limits, **{field: int(value)}))
        case "reject_malformed":
            return replace(rules, reject_malformed=value == "yes")
        case "chunking":
            return replace(rules, chunking=value == "yes")
        case "starttls":
            return replace(rules, starttls=value == "yes")
        case _:
            raise ValueError(f"there is no rule {name}")


def _unescaped(text: str) -> bytes:
    return text.encode("latin-1").decode("unicode-escape").encode("latin-1")
