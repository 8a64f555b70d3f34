"""What a person reads in a message that the gateway wrote there: instead of an object, or under the text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from gateway.domain.mail import Mail
from gateway.domain.template import Template
from services.scanner.judging import Examined


@dataclass(frozen=True, slots=True)
class Gate:
    """How the gateway calls itself."""

    hostname: str
    product: str  # name and version


def placeholder(template: Template, found: Examined, mail: Mail, gate: Gate, now: datetime) -> str:
    """The text of `template` for one object (reference, section 19.2)."""
    return template.render(
        {
            "OBJECT_NAME": (found.part.name,),
            "STATUS": (found.status,),
            "VIRUS": found.threats,
            "INFO": (found.cause,),
            "QUEUE_ID": (mail.id,),
            "MESSAGE_ID": (mail.message_id,),
            "SENDER_ADDR": (mail.envelope.sender,),
            "RECPT_ADDR": tuple(to.address for to in mail.envelope.recipients),
            "HOSTNAME": (gate.hostname,),
            "PRODUCT": (gate.product,),
            "DATE": (format_datetime(now),),
        }
    )


def disclaimer(template: Template, mail: Mail, gate: Gate, now: datetime) -> str:
    """The text of `template` for one message."""
    return template.render(
        {
            "HOSTNAME": (gate.hostname,),
            "PRODUCT": (gate.product,),
            "DATE": (format_datetime(now),),
            "SENDER_ADDR": (mail.envelope.sender,),
            "GROUP": (mail.group or "policy",),
        }
    )
