"""The policy and the groups: what becomes of whose mail (manual, chapter 4)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from gateway.config.sections.section import Section
from gateway.config.values import (
    AbsolutePath,
    Kind,
    MailAddress,
    Mask,
    NameMask,
    OptionalPath,
    Statuses,
    Switch,
    reader,
    word_of,
)
from gateway.domain.policy import ObjectAction, ObjectStatus, Policy, SpamAction


def _not_cure(action: ObjectAction) -> ObjectAction:
    if action is ObjectAction.CURE:
        raise ValueError("'cure' is for ActionDisinfected alone: use pass, remove or placeholder")
    return action


# One example of the manual says `delete` where all others say `remove`.
CuringAction = Annotated[ObjectAction, reader(word_of(ObjectAction, delete="remove"))]
PlainAction = Annotated[CuringAction, AfterValidator(_not_cure), Kind("`pass`, `remove`, `placeholder`")]

_STATUSES = (
    "a list of `disinfected`, `infected`, `suspicious`, `protected`, `error`, `filtered`, `as/spam`, "
    "`as/probable`, or `all` (of the scanner), `as/all`, `none`"
)


class PolicySection(Section):
    """What becomes of mail that no group claims. All down to `AddDisclaimer` must be given."""

    heading: ClassVar[str] = "smtpgw.policy"

    check_av: Switch = Field(description="Scan for viruses.")
    check_spam: Switch = Field(description="Look for spam.")
    action_spam: Annotated[SpamAction, reader(word_of(SpamAction))] = Field(
        description="How spam is marked: `subject` by a label there, `keywords` by a field, or `none`."
    )
    action_disinfected: CuringAction = Field(
        description="What becomes of a disinfected object: `cure`, `pass`, `remove` or `placeholder`."
    )
    action_infected: PlainAction = Field(
        description="What becomes of an infected object: `pass`, `remove` or `placeholder`."
    )
    action_suspicious: PlainAction = Field(description="The same for a suspicious object.")
    action_protected: PlainAction = Field(description="The same for an object behind a password.")
    action_error: PlainAction = Field(
        description="The same for an object that is damaged or could not be scanned."
    )
    action_filtered: PlainAction = Field(
        description="The same for an object that the masks filter. It was not scanned: `pass` delivers it so."
    )
    block_message: Statuses = Field(description=f"Do not deliver a message with one of these: {_STATUSES}.")
    quarantine_message: Statuses = Field(
        description="Keep a copy of a message with one of these; the same list."
    )
    notify_admin: Statuses = Field(description="Tell the administrator of these; the same list.")
    notify_recipient: Statuses = Field(description="Tell the recipients of these; the same list.")
    notify_sender: Statuses = Field(description="Tell the sender of these; the same list.")
    admin_notify_address: MailAddress = Field(description="Address of the administrator.")
    notify_from_address: MailAddress = Field(description="Address that notifications come from.")
    av_quarantine_path: AbsolutePath = Field(description="Quarantine of messages that the scanner found.")
    as_quarantine_path: AbsolutePath = Field(description="Quarantine of messages that the spam filter found.")
    notify_admin_template: OptionalPath = Field(
        description="Template of notifications to the administrator; empty: the one of the gateway itself."
    )
    notify_recipient_template: OptionalPath = Field(description="The same for recipients.")
    notify_sender_template: OptionalPath = Field(description="The same for the sender.")
    placeholder_template: OptionalPath = Field(
        description="Template of the text that replaces an object; empty likewise."
    )
    disclaimer_template: OptionalPath = Field(
        description="Template of the text of `AddDisclaimer`; empty likewise."
    )
    add_x_header: Switch = Field(description="Add an `X-Anti-Virus` header field.")
    add_disclaimer: Switch = Field(description="Add the disclaimer to the text of the message.")
    include_by_name: tuple[NameMask, ...] = Field(
        default=(),
        description="Mask of names of attachments that are filtered. Given only `Exclude` masks, all "
        "others are.",
    )
    exclude_by_name: tuple[NameMask, ...] = Field(
        default=(), description="Mask of names of attachments that are not filtered after all."
    )
    include_by_mime: tuple[Mask, ...] = Field(default=(), description="The same for MIME types.")
    exclude_by_mime: tuple[Mask, ...] = Field(default=(), description="The same for MIME types.")
    check_recipients: Switch = Field(
        default=False,
        description="Refuse recipients in protected domains that do not exist; `[gateway.recipients]` says "
        "how that is known.",
    )
    greylist: Switch = Field(
        default=False,
        description="Have messages of strangers come again before they are taken; `[gateway.greylist]` says "
        "how.",
    )
    refuse_spf_fail: Switch = Field(
        default=False,
        description="Refuse a message whose client may not send for its sender's domain, says SPF. Not if "
        "DMARC passes, nor if the policy of another of its recipients takes it.",
    )
    refuse_dmarc_fail: Switch = Field(
        default=False,
        description="Refuse a message that fails DMARC where the author's domain asks for that, likewise.",
    )

    def policy(self) -> Policy:
        """The same, in the words of the domain."""
        return Policy(
            check_av=self.check_av,
            check_spam=self.check_spam,
            action_spam=self.action_spam,
            object_actions={
                ObjectStatus.DISINFECTED: self.action_disinfected,
                ObjectStatus.INFECTED: self.action_infected,
                ObjectStatus.SUSPICIOUS: self.action_suspicious,
                ObjectStatus.PROTECTED: self.action_protected,
                ObjectStatus.ERROR: self.action_error,
                ObjectStatus.FILTERED: self.action_filtered,
            },
            block=self.block_message,
            quarantine=self.quarantine_message,
            notify_admin=self.notify_admin,
            notify_recipient=self.notify_recipient,
            notify_sender=self.notify_sender,
            add_x_header=self.add_x_header,
            add_disclaimer=self.add_disclaimer,
            admin_notify_address=self.admin_notify_address,
            notify_from_address=self.notify_from_address,
            av_quarantine_path=str(self.av_quarantine_path),
            as_quarantine_path=str(self.as_quarantine_path),
            notify_admin_template=str(self.notify_admin_template or ""),
            notify_recipient_template=str(self.notify_recipient_template or ""),
            notify_sender_template=str(self.notify_sender_template or ""),
            placeholder_template=str(self.placeholder_template or ""),
            disclaimer_template=str(self.disclaimer_template or ""),
            include_by_name=self.include_by_name,
            exclude_by_name=self.exclude_by_name,
            include_by_mime=self.include_by_mime,
            exclude_by_mime=self.exclude_by_mime,
            check_recipients=self.check_recipients,
            greylist=self.greylist,
            refuse_spf_fail=self.refuse_spf_fail,
            refuse_dmarc_fail=self.refuse_dmarc_fail,
        )


class MembersSection(Section):
    """Whose mail a group claims: both masks must match, and the first such group of the file wins.

    Besides these two, a group may have any parameter of the policy; what it leaves out is the policy's.
    """

    heading: ClassVar[str] = "smtpgw.group:NAME"

    senders: tuple[Mask, ...] = Field(
        default=("*",), description="Mask of senders; absent: everybody. Empty: the group claims no mail."
    )
    recipients: tuple[Mask, ...] = Field(
        default=("*",), description="Mask of recipients; absent: everybody. Empty: the group claims no mail."
    )
