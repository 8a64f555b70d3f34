"""SMTP dialogues as text files, played over a real socket.

# A comment.
! limits.recipients = 1            one of the receiver's rules is different
! relay = allow from any to *      a rule before those that all dialogues have; may be repeated
! connect = deny from no_name to * a rule of its own; also helo, mailfrom, sender; may be repeated
! black_list = bl.example          a DNS black list
! authentication = yes             who sent a message is found out
! greeting_pause = 0.1             seconds before the greeting in which the client must not speak
! policy = check_recipients        a check that the policy of the site wants; may be repeated
! known = bob@own.example          a recipient that exists; may be repeated
! next_hop = RCPT: 550 5.1.1 no    the next hop is asked for recipients, and answers so to what begins so
! checking.accepts_unsure = no     how recipients are checked is different
! client = 127.0.0.7               the client's address
! proxy = 127.0.0.7                from where connections begin with a PROXY header; may be repeated
! starttls = yes                   the server has a certificate; also chunking, reject_malformed
! play = whole                     what is said depends on what comes together: not byte by byte
! port = encrypted                 the client connects to the port where TLS comes first
! dns = mx.example A 127.0.0.7     what DNS knows; see tests/support/dns.py
S: 220 gw.example ESMTP            what the server has to say; "..." at the end stands for any text
C: EHLO client.example             a line that the client sends; CRLF is added
C> DATA\r\n                        bytes that the client sends, with the escapes of Python
M> Subject: x\r\n                  a message that has to be stored by the end, whole; in order
TLS                                the client and the server agree on TLS here
LATER 300                          so many seconds go by on the server's clock
END                                the server has to close the connection here
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.authentication.examination import Methods
from gateway.dns.client import AresDns, Asking
from gateway.domain.access import ConnectRule, HeloRule, MailfromRule, RelayRule, SenderRule, parse_network
from gateway.domain.mail import POLICY
from gateway.domain.routes import Route
from services.receiver.authenticating import Authenticating
from services.receiver.rules import Rules
from tests.support.dns import dns_server
from tests.support.policies import a_policy
from tests.support.receiving import NOW, RULES, receiving, server_tls
from tests.support.smtp_client import RawClient, connected
from tests.support.smtp_peer import smtp_peer


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a dialogue."""

    number: int
    kind: str  # "S", "C", "M", "TLS", "LATER" or "END"
    text: str  # what the server says, or the seconds that go by
    content: bytes  # what is sent, or has to be stored


@dataclass(frozen=True, slots=True)
class Scene:
    """What a dialogue is played under."""

    rules: Rules = RULES
    zone: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    client: str = "127.0.0.1"
    next_hop: Mapping[str, str] | None = None  # what it answers, by the beginning of a command
    encrypted: bool = False
    whole: bool = False


async def play(path: Path, *, piece_size: int = 0) -> None:
    """Play a dialogue, sending in pieces of that size, and fail where the server says something else."""
    scene, steps = read_dialogue(path)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(dns_server(scene.zone))
        dns = AresDns(Asking(servers=(server.address,), timeout=1.0))
        stack.push_async_callback(dns.close)
        rules = scene.rules
        if scene.next_hop is not None:
            next_hop = await stack.enter_async_context(smtp_peer())
            next_hop.answers.update(scene.next_hop)
            route = Route("*", next_hop.host, next_hop.port)
            rules = replace(rules, checking=replace(rules.checking, ask_next_hop=True, routes=(route,)))
        clock = _Clock()
        tls = server_tls() if rules.starttls or scene.encrypted else None
        running = await stack.enter_async_context(receiving(rules, dns=dns, tls=tls, now=clock.now))
        port = running.encrypted_port if scene.encrypted else running.port
        client = await stack.enter_async_context(connected(port, ip=scene.client))
        for step in steps:
            await _take(step, client, clock, f"{path.name}:{step.number}", piece_size)
        assert running.blobs.bodies == [step.content for step in steps if step.kind == "M"], path.name


def read_dialogue(path: Path) -> tuple[Scene, list[Step]]:
    """What a dialogue is played under, and its steps."""
    scene, steps = Scene(), []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        mark, _, text = line.partition(" ")
        match mark:
            case "" | "#":
                continue
            case "!":
                scene = _with_setting(scene, text)
            case "S:":
                steps.append(Step(number, "S", text, b""))
            case "C:":
                steps.append(Step(number, "C", "", text.encode() + b"\r\n"))
            case "C>" | "M>":
                steps.append(Step(number, mark[0], "", _unescaped(text)))
            case "LATER":
                steps.append(Step(number, "LATER", text, b""))
            case "END" | "TLS":
                steps.append(Step(number, mark, "", b""))
            case _:
                raise ValueError(f"{path.name}:{number}: begins with none of # ! S: C: C> M> TLS LATER END")
    return scene, steps


class _Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self._now = NOW

    def now(self) -> datetime:
        return self._now

    def move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


async def _take(step: Step, client: RawClient, clock: _Clock, place: str, piece_size: int) -> None:
    match step.kind:
        case "LATER":
            clock.move(float(step.text))
        case "C":
            await client.send(step.content, piece_size=piece_size)
        case "S":
            said = await client.line()
            expected = step.text.removesuffix("...")
            is_whole = expected == step.text
            assert said == expected if is_whole else said.startswith(expected), f"{place}: got {said!r}"
        case "TLS":
            await client.encrypt()
        case "END":
            assert await client.is_closed(), f"{place}: the connection stays open"


def _with_setting(scene: Scene, text: str) -> Scene:
    name, _, value = (part.strip() for part in text.partition("="))
    match name:
        case "client":
            return replace(scene, client=value)
        case "port":
            return replace(scene, encrypted=value == "encrypted")
        case "play":
            return replace(scene, whole=value == "whole")
        case "next_hop":
            command, _, answer = value.partition(": ")
            return replace(scene, next_hop={**(scene.next_hop or {}), command: answer})
        case "dns":
            owner, kind, record = (*value.split(" ", 2), "")[:3]
            key = f"{owner} {kind}"
            return replace(scene, zone={**scene.zone, key: (*scene.zone.get(key, ()), record)})
        case _:
            return replace(scene, rules=_with_rule(scene.rules, name, value))


def _with_rule(rules: Rules, name: str, value: str) -> Rules:
    group, _, field_name = name.partition(".")
    match group:
        case "relay":
            own = rules.relay[: len(rules.relay) - len(RULES.relay)]
            return replace(rules, relay=(*own, RelayRule.parse(value), *RULES.relay))
        case "connect":
            return replace(rules, connect=(*rules.connect, ConnectRule.parse(value)))
        case "helo":
            return replace(rules, helo=(*rules.helo, HeloRule.parse(value)))
        case "mailfrom":
            return replace(rules, mailfrom=(*rules.mailfrom, MailfromRule.parse(value)))
        case "sender":
            return replace(rules, senders=(*rules.senders, SenderRule.parse(value)))
        case "proxy":
            return replace(rules, proxies=(*rules.proxies, parse_network(value)))
        case "black_list":
            return replace(rules, black_lists=(*rules.black_lists, value))
        case "policy":
            wanted: dict[str, Any] = {value: True}
            policy = replace(rules.policies.get(POLICY, a_policy()), **wanted)
            return replace(rules, policies={POLICY: policy})
        case "known":
            known = (*rules.checking.known, value)
            return replace(rules, checking=replace(rules.checking, known=known))
        case "checking":
            said: dict[str, Any] = {field_name: value == "yes"}
            return replace(rules, checking=replace(rules.checking, **said))
        case "limits":
            return replace(rules, limits=replace(rules.limits, **{field_name: int(value)}))
        case "authentication":
            return replace(rules, authenticating=Authenticating(methods=Methods()))
        case "greeting_pause":
            return replace(rules, greeting_pause=float(value))
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
