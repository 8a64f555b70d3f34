"""The macros that templates of notices may name, and what each stands for (reference, section 19.2)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

MACROS: Mapping[str, str] = MappingProxyType(
    {
        "PRODUCT": "the name of the gateway and its version",
        "VERSION": "its version alone",
        "HOSTNAME": "the name of the gateway's host",
        "DATE": "when the text was made",
        "QUEUE_ID": "the id of the mail",
        "MESSAGE_ID": "the Message-ID of the message",
        "SUBJECT": "its Subject",
        "GROUP": "the group whose policy decided",
        "NOTIFY": "whom a notice is for: admin, recipient or sender",
        "CLIENT_ADDR": "the address of the client that brought the mail",
        "SENDER_ADDR": "the sender of the envelope",
        "RECPT_ADDR": "the recipients, one value each",
        "HEADERS": "the header of the message",
        "ACTION_LIST": "the objects, one line each: status, action and what is known",
        "STATUS": "the status of an object",
        "ACTION": "what became of it",
        "INFO": "its threats, or why it could not be looked at, or its type and name",
        "OBJECT_NAME": "its name",
        "VIRUS": "the threats found, one value each",
        "SPAM_STATUS": "the spam status of the message",
        "BLOCKED": "yes when the message is not delivered, else nothing",
        "BK_ACTION": "whether the message was kept",
        "BK_LOCATION": "the storage where it was kept",
        "DSN_ACTION": "what became of a recipient, in the words of RFC 3464",
        "DSN_STATUS": "the status code of that",
        "DSN_DIAGNOSTIC": "what the remote host said",
        "TRIED_UNTIL": "when mail that is delayed is given up",
        "REMOTE_HOST": "the host that said so",
    }
)
