from __future__ import annotations

from email import message_from_bytes
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.mail import BodyRef, Edit
from gateway.domain.message import composed
from gateway.domain.mime import take_apart
from gateway.domain.policy import ObjectAction, ObjectStatus
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.examination import examine
from services.scanner.judging import Examined, Rules
from services.scanner.treatment import MOST_TOLD, decide, edits_for, treat
from tests.support.archives import a_zip, zipped
from tests.support.mails import a_mail
from tests.support.parts import HEADER, TEST_FILE, a_message, a_text, an_attachment
from tests.support.policies import a_policy

CURE, PASS, REMOVE, PLACEHOLDER = (
    ObjectAction.CURE,
    ObjectAction.PASS,
    ObjectAction.REMOVE,
    ObjectAction.PLACEHOLDER,
)


def treated(
    message: bytes, action: ObjectAction, *, cure: bool = False, text: str = "It was removed."
) -> bytes:
    """The message as it leaves when everything that is not clean gets `action`."""
    policy = a_policy(
        object_actions={status: action for status in ObjectStatus if status is not ObjectStatus.CLEAN}
    )
    examination = examine(message, (StandardTestFile(),), Rules(cure=cure))
    edits = edits_for(message, examination, decide(examination, policy), lambda found: text)
    return composed(a_mail(body=BodyRef("0-a", len(message)), edits=edits), message)


def leaves(message: bytes) -> list[Message]:
    """The parts with content as another program sees them; nothing about them may be broken."""
    parsed = message_from_bytes(message)
    assert not any(part.defects for part in parsed.walk())
    return [part for part in parsed.walk() if not part.is_multipart()]


def contents(message: bytes) -> list[bytes]:
    return [part.get_payload(decode=True) for part in leaves(message)]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("prefix", "cure", "wanted", "action"),
    [
        (b"", False, PASS, PASS),
        (b"", False, REMOVE, REMOVE),
        (b"", False, PLACEHOLDER, PLACEHOLDER),
        (b"", True, PASS, REMOVE),
        (b"", True, PLACEHOLDER, PLACEHOLDER),
        (b"CURE-", True, CURE, CURE),
        (b"CURE-", True, PASS, PASS),
        (b"CURE-", False, PLACEHOLDER, PLACEHOLDER),
        (b"DELE-", False, PASS, REMOVE),
        (b"DELE-", True, PLACEHOLDER, REMOVE),
        (b"SUSP-", True, PASS, PASS),
        (b"ERRO-", True, REMOVE, REMOVE),
    ],
)
def test_the_status_leads_to_the_policys_action_unless_the_object_must_go(
    prefix: bytes, cure: bool, wanted: ObjectAction, action: ObjectAction
) -> None:
    policy = a_policy(object_actions=dict.fromkeys(ObjectStatus, wanted))
    examination = examine(
        a_message(an_attachment(prefix + TEST_FILE)), (StandardTestFile(),), Rules(cure=cure)
    )

    (decided,) = decide(examination, policy)

    assert decided.action is action


def test_a_status_that_the_policy_does_not_name_is_passed() -> None:
    examination = examine(a_message(an_attachment(TEST_FILE)), (StandardTestFile(),), Rules())

    assert [decided.action for decided in decide(examination, a_policy())] == [PASS]


def test_one_object_of_a_listed_status_blocks_the_message() -> None:
    message = a_message(a_text(), an_attachment(b"ERRO-" + TEST_FILE), an_attachment(b"SUSP-" + TEST_FILE))
    examination = examine(message, (StandardTestFile(),), Rules())
    listed = a_policy(block=frozenset({ObjectStatus.ERROR, ObjectStatus.INFECTED}))

    treatment = treat(examination, listed)

    assert treatment.blocked_for is ObjectStatus.ERROR
    assert treatment.quarantined_for is None
    assert treatment.status is ObjectStatus.SUSPICIOUS
    assert treatment.statuses == {ObjectStatus.CLEAN, ObjectStatus.ERROR, ObjectStatus.SUSPICIOUS}


def test_what_is_passed_stays_byte_for_byte() -> None:
    message = a_message(a_text(), an_attachment(TEST_FILE))

    assert treated(message, PASS) == message


def test_a_removed_part_takes_its_boundary_line_along_and_nothing_else() -> None:
    clean = a_message(a_text(), a_text(b"Bye."))
    boundary = clean.partition(b"boundary=")[2].partition(b"\r\n")[0]
    infected = clean.replace(
        b"\r\n--" + boundary + b"--",
        b"\r\n--" + boundary + b"\r\n" + an_attachment(TEST_FILE) + b"\r\n--" + boundary + b"--",
    )

    assert treated(infected, REMOVE) == clean


@pytest.mark.parametrize("place", [0, 1, 2])
def test_any_part_can_be_removed(place: int) -> None:
    parts = [a_text(b"one"), a_text(b"two")]
    parts.insert(place, an_attachment(TEST_FILE))

    assert contents(treated(a_message(*parts), REMOVE)) == [b"one", b"two"]


def test_a_multipart_that_loses_all_parts_keeps_an_empty_text() -> None:
    message = a_message(a_text(), a_message(an_attachment(TEST_FILE), an_attachment(TEST_FILE)))

    kept = leaves(treated(message, REMOVE))

    assert [(part.get_content_type(), part.get_payload()) for part in kept] == [
        ("text/plain", "Hello."),
        ("text/plain", ""),
    ]


def test_a_message_that_is_one_removed_part_keeps_its_header_and_is_empty() -> None:
    message = HEADER + an_attachment(TEST_FILE)

    assert treated(message, REMOVE) == HEADER + b"\r\n"


def test_a_placeholder_is_a_text_in_the_place_of_the_part() -> None:
    message = a_message(a_text(), an_attachment(TEST_FILE), a_text(b"Bye."))

    parts = leaves(treated(message, PLACEHOLDER))

    assert [part.get_payload() for part in parts] == ["Hello.", "It was removed.", "Bye."]
    assert (parts[1].get_content_type(), parts[1].get_filename()) == ("text/plain", None)


def test_a_placeholder_of_a_whole_message_keeps_all_fields_that_are_not_about_its_content() -> None:
    message = (
        b"Subject: hello\r\nContent-Type: application/octet-stream;\r\n name=a\r\nTo: b@site.example\r\n"
        + (b"Content-Transfer-Encoding: 7bit\r\n\r\n" + TEST_FILE + b"\r\n")
    )

    assert treated(message, PLACEHOLDER) == (
        b"Subject: hello\r\nTo: b@site.example\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n"
        b"Content-Disposition: inline\r\n\r\nIt was removed.\r\n"
    )


def test_a_placeholder_inside_an_attached_message_keeps_that_messages_header() -> None:
    message = a_message(a_text(), b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\n" + TEST_FILE)

    _, inner = leaves(treated(message, PLACEHOLDER))

    assert (inner["Subject"], inner.get_payload()) == ("inner", "It was removed.\r\n")


@pytest.mark.parametrize("text", ["Файл «вирус.exe» удалён.", "long " * 300, "nul\0"])
def test_a_placeholder_in_any_script_and_length_can_pass_all_servers(text: str) -> None:
    after = treated(a_message(a_text(), an_attachment(TEST_FILE)), PLACEHOLDER, text=text)

    assert contents(after)[1].decode() == text
    assert after.isascii()
    assert max(map(len, after.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("encoding", ["base64", "7bit"])
def test_a_cured_object_keeps_its_name_and_its_encoding(encoding: str) -> None:
    message = a_message(a_text(), an_attachment(b"CURE-" + TEST_FILE, encoding=encoding))

    _, part = leaves(treated(message, CURE, cure=True))

    assert part.get_payload(decode=True) == b"CURE"
    assert (part.get_filename(), part["Content-Transfer-Encoding"]) == ("eicar.com", encoding)


def test_a_cured_message_of_one_part_still_ends_with_a_line_end() -> None:
    message = HEADER + b"\r\n" + b"CURE-" + TEST_FILE + b"\r\n"

    assert treated(message, CURE, cure=True) == HEADER + b"\r\nCURE\r\n"


@pytest.mark.parametrize("action", [REMOVE, PLACEHOLDER])
@pytest.mark.parametrize(
    "message",
    [
        TEST_FILE,
        b"Content-Type: text/plain\r\n" + TEST_FILE,
        b"Subject: no empty line\r\n" + TEST_FILE + b"\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n" + TEST_FILE,
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + TEST_FILE + b"\r\n--x",
        b"Content-Type: multipart/mixed; boundary=x\r\n--x\r\nContent-Type: a/b\r\n\r\n"
        + TEST_FILE
        + b"\r\n--x--",
        b"Content-Type: message/rfc822\r\n\r\nContent-Type: a/b\r\n\r\n" + TEST_FILE,
    ],
    ids=range(7),
)
def test_nothing_infected_is_left_in_a_broken_message(message: bytes, action: ObjectAction) -> None:
    after = treated(message, action)

    assert TEST_FILE not in after
    assert (b"It was removed." in after) is (action is PLACEHOLDER)
    assert treated(after, action) == after


PIECES = st.sampled_from(
    [
        b"--x\r\n",
        b"--x--\r\n",
        b"--y\r\n",
        b"--x",
        b"\r\n",
        b"\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n",
        b"Content-Type: multipart/mixed; boundary=y\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: text/html\r\n\r\n",
        b"Subject: hello\r\n",
        b"text",
    ]
)


@given(st.lists(PIECES, max_size=25).map(b"".join), st.data())
def test_treating_one_part_leaves_the_content_of_all_others_alone(
    message: bytes, data: st.DataObject
) -> None:
    parts = [part for part in take_apart(message) if not part.container]
    chosen = data.draw(st.sampled_from(parts))
    action = data.draw(st.sampled_from([REMOVE, PLACEHOLDER]))
    policy = a_policy(object_actions={ObjectStatus.SUSPICIOUS: action})
    examination = examine(message, (StandardTestFile(),), Rules())
    found = tuple(
        Examined(one.part, one.size, ObjectStatus.SUSPICIOUS if one.part == chosen else ObjectStatus.CLEAN)
        for one in examination.objects
    )
    examination = type(examination)(examination.parts, found)

    edits = edits_for(message, examination, decide(examination, policy), lambda _: "gone")

    assert list(edits) == sorted(edits, key=lambda edit: (edit.start, edit.end))
    for other in parts:
        if other != chosen:
            assert not any(overlaps(edit, other.start, other.end) for edit in edits)


def overlaps(edit: Edit, start: int, end: int) -> bool:
    return edit.start < end and start < edit.end


def test_the_records_tell_what_an_object_is_called_declared_as_and_is() -> None:
    message = a_message(an_attachment(a_zip(b"MZ" + TEST_FILE), "picture.jpg"))

    [seen] = decide(examine(message, (StandardTestFile(),), Rules()), a_policy())

    assert (seen.name, seen.mime, seen.kind) == ("picture.jpg", "application/octet-stream", "application/zip")


def test_objects_inside_another_are_told_with_their_place_and_go_with_it() -> None:
    message = a_message(a_text(), an_attachment(zipped({"a.txt": b"a", "b/eicar.com": TEST_FILE}), "a.zip"))
    policy = a_policy(object_actions={ObjectStatus.INFECTED: ObjectAction.REMOVE})

    seen = decide(examine(message, (StandardTestFile(),), Rules()), policy)

    assert [(one.path, one.status, one.action) for one in seen] == [
        ("1", ObjectStatus.CLEAN, ObjectAction.PASS),
        ("2", ObjectStatus.INFECTED, ObjectAction.REMOVE),
        ("2/b/eicar.com", ObjectStatus.INFECTED, ObjectAction.REMOVE),
    ]


def test_of_very_many_objects_inside_another_each_status_is_told() -> None:
    files = {f"{number}.com": TEST_FILE for number in range(80)} | {"last.com": b"SUSP-" + TEST_FILE}

    seen = decide(
        examine(a_message(an_attachment(zipped(files))), (StandardTestFile(),), Rules()), a_policy()
    )

    assert len(seen) == 1 + MOST_TOLD + 1
    assert seen[-1].status is ObjectStatus.SUSPICIOUS
