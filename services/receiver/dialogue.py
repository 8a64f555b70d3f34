"""The SMTP dialogue: what one client said so far, and what it is answered (RFC 5321 §4.1)."""

from __future__ import annotations

from datetime import datetime

from gateway.domain.access import Address
from gateway.domain.mail import Envelope, Recipient
from services.receiver import replies
from services.receiver.admission import Request
from services.receiver.arguments import Sender, parse_host_name, parse_recipient, parse_sender
from services.receiver.replies import Reply
from services.receiver.rules import Rules


class Dialogue:
    """One session. Each command gives the reply to it; nothing here waits or knows the time."""

    def __init__(self, rules: Rules, client: Address) -> None:
        self._rules = rules
        self._client = client
        self._name = ""
        self._extended = False
        self._tls = ""
        self._messages = 0
        self._bytes = 0
        self._sender: Sender | None = None
        self._recipients: dict[str, Recipient] = {}  # in order
        self._recipient_tried = False
        self._in_chunks = False

    @property
    def client_name(self) -> str:
        """What the client calls itself; "" before it has said so."""
        return self._name

    @property
    def sender(self) -> str | None:
        """The sender of the message that was begun."""
        return None if self._sender is None else self._sender.address

    def greet(self) -> Reply:
        """What the client hears first."""
        return replies.greeting(self._rules.hostname)

    def hello(self, argument: str, *, extended: bool) -> Reply:
        """HELO, or EHLO if `extended`. It forgets a message that was begun (RFC 5321 §4.1.4)."""
        name = parse_host_name(argument)
        if isinstance(name, Reply):
            return name

        self.reset()
        self._name, self._extended = name, extended
        if not extended:
            return replies.hello(self._rules.hostname, name, str(self._client))
        return replies.extended_hello(self._rules.hostname, name, str(self._client), self._offers())

    def start_tls(self, argument: str) -> Reply:
        """STARTTLS (RFC 3207 §4)."""
        if not self._rules.starttls:
            return replies.NOT_IMPLEMENTED
        if self._tls:
            return replies.ENCRYPTED_ALREADY
        return replies.NO_ARGUMENT_HERE if argument else replies.READY_FOR_TLS

    def encrypted(self, tls: str) -> None:
        """`tls` is in use from here on. What was said before does not count any more (RFC 3207 §4.2)."""
        self.reset()
        self._name, self._extended, self._tls = "", False, tls

    def mail(self, argument: str) -> Reply:
        """MAIL: begins a message."""
        if not self._name:
            return replies.SAY_HELLO_FIRST
        if self._sender is not None:
            return replies.SENDER_ALREADY_GIVEN
        sender = parse_sender(argument, extended=self._extended)
        if isinstance(sender, Reply):
            return sender
        refusal = self._has_no_room_for(sender.size)
        if refusal is not None:
            return refusal

        self._sender = sender
        return replies.OK

    def recipient(self, argument: str) -> Recipient | Reply:
        """RCPT: the recipient whose admission has to be judged, or what to say to it at once."""
        if self._sender is None:
            return replies.SENDER_FIRST
        self._recipient_tried = True
        if self._in_chunks:
            return replies.CHUNKS_BEGUN
        recipient = parse_recipient(
            argument, self._rules.postmaster, extended=self._extended, utf8=self._sender.utf8
        )
        if isinstance(recipient, Reply):
            return recipient
        # Any server has a postmaster who can be reached (RFC 5321 §4.5.1), whatever the rules say.
        if recipient.address in self._recipients or self._is_postmaster(recipient.address):
            return self.admit(recipient)
        if len(self._recipients) >= self._rules.limits.recipients:
            return replies.TOO_MANY_RECIPIENTS
        return recipient

    def request(self, recipient: Recipient) -> Request:
        """What the client asks for with that recipient."""
        return Request(self._name, self._sender.address if self._sender else "", recipient.address)

    def admit(self, recipient: Recipient) -> Reply:
        """One more recipient. An address that was given before stays as it was given first."""
        self._recipients.setdefault(recipient.address, recipient)
        return replies.OK

    def data(self, argument: str, now: datetime) -> Envelope | Reply:
        """DATA: the envelope of the message that may come now, or why none may."""
        if self._in_chunks:
            return replies.CHUNKS_BEGUN
        if self._sender is not None and argument:
            return replies.NO_ARGUMENT_HERE
        return self._envelope(now)

    def chunks(self, now: datetime) -> Envelope | Reply:
        """The first BDAT of a message: the same (RFC 3030 §2). All others belong to it."""
        envelope = self._envelope(now)
        self._in_chunks = isinstance(envelope, Envelope)
        return envelope

    def most_bytes(self) -> tuple[int, Reply]:
        """How big the next message may be, and what to answer to a bigger one."""
        limits = self._rules.limits
        left = limits.session_size - self._bytes
        # A client that has sent nothing else cannot do better on another connection.
        if limits.message_size <= left or not self._bytes:
            return min(limits.message_size, left), replies.TOO_BIG
        return left, replies.ENOUGH_BYTES

    def ended(self, size: int) -> None:
        """The data of a message, of that many bytes, has come to its end, whatever was answered."""
        self._messages += 1
        self._bytes += size
        self.reset()

    def reset(self) -> None:
        """Forget the message that was begun."""
        self._sender = None
        self._recipients = {}
        self._recipient_tried = False
        self._in_chunks = False

    def _is_postmaster(self, address: str) -> bool:
        return address.lower() == self._rules.postmaster.lower()

    def _offers(self) -> tuple[str, ...]:
        """What EHLO offers. `DSN` ends the list, as in the manual."""
        offers = {
            "ENHANCEDSTATUSCODES": True,
            "PIPELINING": True,
            "8BITMIME": True,
            f"SIZE {self._rules.limits.message_size}": True,
            "STARTTLS": self._rules.starttls and not self._tls,
            "SMTPUTF8": True,
            "CHUNKING": self._rules.chunking,
            "DSN": True,
        }
        return tuple(offer for offer, made in offers.items() if made)

    def _envelope(self, now: datetime) -> Envelope | Reply:
        if self._sender is None:
            return replies.SENDER_FIRST
        if not self._recipients:
            return replies.NO_VALID_RECIPIENTS if self._recipient_tried else replies.RECIPIENT_FIRST
        return Envelope(
            sender=self._sender.address,
            recipients=tuple(self._recipients.values()),
            client_ip=str(self._client),
            received_at=now,
            helo=self._name,
            protocol=self._protocol(utf8=self._sender.utf8),
            tls=self._tls,
            eight_bit=self._sender.eight_bit,
            utf8=self._sender.utf8,
            returns=self._sender.returns,
            envelope_id=self._sender.envelope_id,
        )

    def _protocol(self, *, utf8: bool) -> str:
        """The name that this dialogue has in a Received field (RFC 3848, RFC 6531 §4.3)."""
        if not self._extended:
            return "SMTP"
        return ("UTF8SMTP" if utf8 else "ESMTP") + ("S" if self._tls else "")

    def _has_no_room_for(self, size: int) -> Reply | None:
        if self._messages >= self._rules.limits.messages_per_session:
            return replies.ENOUGH_MESSAGES
        most, refusal = self.most_bytes()
        if most <= 0:
            return replies.ENOUGH_BYTES
        return refusal if size > most else None
