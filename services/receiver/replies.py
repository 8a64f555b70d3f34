"""What the receiver answers, each by its name.

The lines of the manual's dialogue are kept to the letter. Texts say what the client may do, never how we
are built. Enhanced codes are those of RFC 3463; greetings, EHLO and 354 carry none (RFC 2034 §4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.receiver.defects import Defect

SPF_FAILED, DMARC_FAILED = "5.7.23", "5.7.26"
"""Enhanced codes for what was found out about the sender (RFC 7372)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to a client."""

    code: int
    enhanced: str  # "" where none belongs
    text: str  # several lines are parted by "\n"
    closes: bool = False  # whether the session ends with it

    @property
    def positive(self) -> bool:
        """Whether the client may go on as it meant to."""
        return self.code < 400

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text.replace("\n", " "))))

    @lru_cache(maxsize=256)  # noqa: B019 - most replies are constants, and live as long as the process
    def wire(self) -> bytes:
        """The bytes that go to the client."""
        said = f"{self.enhanced} " if self.enhanced else ""
        *first, last = self.text.split("\n")
        lines = [f"{self.code}-{said}{line}\r\n" for line in first]
        return "".join([*lines, f"{self.code} {said}{last}\r\n"]).encode("ascii")


def greeting(hostname: str) -> Reply:
    """What every client is told first."""
    return Reply(220, "", f"{hostname} ESMTP")


def hello(hostname: str, client_name: str, client_ip: str) -> Reply:
    """The answer to HELO."""
    return Reply(250, "", f"{hostname} hello {client_name} [{client_ip}]")


def extended_hello(hostname: str, client_name: str, client_ip: str, offers: Sequence[str]) -> Reply:
    """The answer to EHLO: what the receiver can do."""
    return Reply(250, "", "\n".join((f"{hostname} hello {client_name} [{client_ip}]", *offers)))


def chunk_taken(size: int) -> Reply:
    """The answer to a part of a message that others will follow (RFC 3030 §2)."""
    return Reply(250, "2.0.0", f"{size} octets received")


def malformed(defects: Iterable[Defect]) -> Reply:
    """The answer to a message that would have to be mended, where the operator wants none of that."""
    return Reply(550, "5.6.0", f"the message has {', '.join(sorted(defects))}")


def listed(zone: str) -> Reply:
    """The client is on that black list, and can do something about it only there."""
    return Reply(550, "5.7.1", f"your address is on the block list {zone}")


def spf_failed(domain: str, explanation: str) -> Reply:
    """The sender's domain forbids it to the client (RFC 7208 §8.4), and may explain why."""
    explained = f"\nit explains: {explanation}" if explanation else ""
    return Reply(550, SPF_FAILED, f"{domain} does not let your address send for it{explained}")


def dmarc_failed(domain: str) -> Reply:
    """The author's domain asks for it (RFC 7489 §10.3)."""
    return Reply(550, DMARC_FAILED, f"{domain} asks for messages to be refused that it did not send")


OK = Reply(250, "2.1.0", "OK")
START_MAIL_INPUT = Reply(354, "", "Start mail input; end with <CRLF>.<CRLF>")

DONE = Reply(250, "2.0.0", "OK")
GOODBYE = Reply(221, "2.0.0", "closing connection", closes=True)
NOT_VERIFIED = Reply(252, "2.1.5", "not verified; send mail to the address and it will be tried")
HELP = Reply(214, "2.0.0", "commands: HELO EHLO STARTTLS MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT")

READY_FOR_TLS = Reply(220, "2.0.0", "ready to start TLS")
ENCRYPTED_ALREADY = Reply(503, "5.5.1", "TLS is in use already")
NOTHING_AFTER_STARTTLS = Reply(
    421, "4.7.0", "nothing may follow STARTTLS before its answer, closing connection", closes=True
)

NOT_A_COMMAND = Reply(500, "5.5.1", "command not recognized")
LINE_TOO_LONG = Reply(500, "5.5.2", "command line too long")
BARE_LINE_END = Reply(500, "5.5.2", "end command lines with <CRLF>, with no other <CR> or <LF> in them")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "command not implemented")
NOT_A_MAIL_CLIENT = Reply(421, "4.7.0", "this is a mail server", closes=True)
DATA_AS_COMMANDS = Reply(421, "4.7.0", "message data where commands belong, closing connection", closes=True)
TOO_MANY_FRUITLESS = Reply(421, "4.7.0", "too many commands without a message", closes=True)

HELLO_NEEDS_NAME = Reply(501, "5.5.4", "say HELO or EHLO with your host name")
SAY_HELLO_FIRST = Reply(503, "5.5.1", "say HELO or EHLO first")
NO_ARGUMENT_HERE = Reply(501, "5.5.4", "this command takes no argument")
VRFY_NEEDS_ADDRESS = Reply(501, "5.5.4", "syntax: VRFY <address>")

MAIL_SYNTAX = Reply(501, "5.5.4", "syntax: MAIL FROM:<address>, with angle brackets")
RCPT_SYNTAX = Reply(501, "5.5.4", "syntax: RCPT TO:<address>, with angle brackets")
BAD_SENDER = Reply(501, "5.1.7", "this sender address is not valid")
BAD_RECIPIENT = Reply(501, "5.1.3", "this recipient address is not valid")
SENDER_NEEDS_DOMAIN = Reply(553, "5.1.7", "the sender address needs a domain")
RECIPIENT_NEEDS_DOMAIN = Reply(553, "5.1.3", "the recipient address needs a domain")
ADDRESS_NOT_ASCII = Reply(553, "5.6.7", "addresses beyond ASCII need SMTPUTF8 in MAIL")
BAD_PARAMETER = Reply(501, "5.5.4", "a parameter has a value that is not valid")
REPEATED_PARAMETER = Reply(501, "5.5.4", "a parameter is given twice")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "a parameter is not supported here")

SENDER_ALREADY_GIVEN = Reply(503, "5.5.1", "a message is already begun, RSET forgets it")
SENDER_FIRST = Reply(503, "5.5.1", "say MAIL FROM first")
RECIPIENT_FIRST = Reply(503, "5.5.1", "say RCPT TO first")
NO_VALID_RECIPIENTS = Reply(554, "5.5.1", "no valid recipients")
RELAYING_DENIED = Reply(550, "5.7.1", "relaying to this address is denied")
ACCESS_DENIED = Reply(550, "5.7.1", "access to this address is denied")
NO_CLIENT_NAME = Reply(550, "5.7.1", "no host name is found for your address")
NO_HELO_ADDRESS = Reply(550, "5.7.1", "the name you gave in HELO or EHLO has no address")
NOT_YOUR_NAME = Reply(550, "5.7.1", "the name you gave in HELO or EHLO is not that of your address")
NO_SENDER_ADDRESS = Reply(550, "5.7.1", "the sender's domain has no address")
NO_SENDER_MX = Reply(550, "5.7.1", "the sender's domain takes no mail")
CANNOT_JUDGE_NOW = Reply(451, "4.4.3", "your access cannot be checked now, try again later")
NO_SUCH_RECIPIENT = Reply(550, "5.1.1", "there is no such recipient here")
RECIPIENT_NOT_SURE = Reply(451, "4.4.1", "the recipient cannot be checked now, try again later")
COME_AGAIN = Reply(451, "4.7.1", "you are new here, please try again in some minutes")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "too many recipients, send the message again to the rest")

CHUNKS_BEGUN = Reply(503, "5.5.1", "the message came in part by BDAT, end it with BDAT LAST or RSET")
SIZE_UNKNOWN = Reply(421, "4.7.0", "syntax: BDAT <size> [LAST], closing connection", closes=True)

TOO_BIG = Reply(552, "5.3.4", "the message is too big")
HEADER_TOO_BIG = Reply(552, "5.3.4", "the header of the message is too big")
TOO_MANY_CLAIMS = Reply(550, "5.7.1", "the message says too often that it was checked here already")
TOO_MANY_HOPS = Reply(554, "5.4.6", "too many hops, the message goes in a circle")
NO_SPACE = Reply(452, "4.3.1", "not enough room now, try again later")
NOT_NOW = Reply(451, "4.3.0", "the message cannot be taken now, try again later")

SPOKE_EARLY = Reply(421, "4.7.0", "you spoke before the greeting", closes=True)
TOO_MANY_SESSIONS = Reply(421, "4.7.0", "too many connections now, try again later", closes=True)
TOO_MANY_FROM_YOU = Reply(421, "4.7.0", "too many connections from your address", closes=True)
ENOUGH_BYTES = Reply(421, "4.7.0", "enough bytes for one connection, please open another", closes=True)
ENOUGH_MESSAGES = Reply(421, "4.7.0", "enough messages for one connection, please open another", closes=True)
MADE_ROOM = Reply(421, "4.3.2", "others are waiting, closing a connection that is too slow", closes=True)
SHUT = Reply(421, "4.3.2", "the server takes no mail now, try again later", closes=True)
TIMED_OUT = Reply(421, "4.4.2", "waited too long, closing connection", closes=True)
FAULT = Reply(421, "4.3.0", "something went wrong here, try again later", closes=True)
