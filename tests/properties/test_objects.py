"""What holds for whatever the scanner is given, and whatever becomes of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.mail import BodyRef
from gateway.domain.message import Span, composed, pieces, with_edits
from gateway.domain.mime import Part, closed, take_apart
from gateway.domain.policy import ObjectAction, ObjectStatus
from gateway.domain.readings import contents, other_parts
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.examination import examine
from services.scanner.judging import Rules
from services.scanner.objects.budget import MB, Budget, Limits
from services.scanner.objects.walking import Opening, outermost, walk
from services.scanner.treatment import decide, edits_for
from tests.support import archives, documents
from tests.support.awkward import messages
from tests.support.mails import a_mail
from tests.support.policies import a_policy
from tests.support.samples import virus_test_file

LIMITS = Limits(depth=4, objects=100, object_size=MB, total_size=2 * MB, ratio=10, free_size=MB)
WRITERS = (*archives.ARCHIVES.values(), *documents.HOLDERS.values())


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A container of any kind with some of its bytes changed, cut out or doubled."""
    write = draw(st.sampled_from(WRITERS))
    content = bytearray(write(draw(st.binary(max_size=300))))
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, max(len(content) - 1, 0)))
        end = min(start + draw(st.integers(0, 40)), len(content))
        content[start:end] = draw(st.one_of(st.binary(max_size=16), st.just(bytes(content[start:end]) * 2)))
    return bytes(content)


@given(broken())
def test_broken_containers_stay_within_their_limits(content: bytes) -> None:
    found = list(walk(outermost(content), Opening(), Budget(LIMITS)))
    inside = [one for one in found[1:] if not one.faults]

    assert found[0].content == content
    assert len(inside) <= LIMITS.objects
    assert sum(len(one.content) for one in inside) <= LIMITS.total_size
    assert len({one.place for one in inside}) == len(inside)


@given(messages())
def test_other_readings_lie_in_a_part_and_never_fail(message: bytes) -> None:
    parts = take_apart(message)

    for other in other_parts(message, parts):
        around = parts[other.parent]
        assert around.start <= other.start <= other.body <= other.end <= len(message)
        assert all(isinstance(content, bytes) for content in contents(other, message))


@given(messages(), st.integers(0, 100))
def test_a_closed_container_keeps_its_place_and_nothing_else_moves(message: bytes, choice: int) -> None:
    parts = take_apart(message)
    chosen = parts[choice % len(parts)]

    kept, whole = closed(parts, chosen)

    assert (whole.start, whole.end, whole.container) == (chosen.start, chosen.end, False)
    assert whole in kept
    assert all(part.parent < 0 or kept[part.parent].container for part in kept)
    outside = [part.path for part in parts if part is not chosen and not _is_inside(part, chosen, parts)]
    assert [part.path for part in kept if part is not whole] == outside


def _is_inside(part: Part, container: Part, parts: tuple[Part, ...]) -> bool:
    while part.parent >= 0:
        part = parts[part.parent]
        if part is container:
            return True
    return False


@given(st.lists(st.sampled_from(["clean", "bad", "text"]), min_size=1, max_size=6), st.binary(max_size=60))
def test_an_edit_of_one_part_leaves_all_other_bytes_alone(kinds: list[str], junk: bytes) -> None:
    content = {
        "clean": junk.replace(b"\n", b"").replace(b"--", b""),
        "bad": virus_test_file(),
        "text": b"Hello.",
    }
    parts = [
        b"--edge\r\nContent-Type: application/x-%d\r\n\r\n%b\r\n" % (n, content[kind])
        for n, kind in enumerate(kinds)
    ]
    message = b"Content-Type: multipart/mixed; boundary=edge\r\n\r\n" + b"".join(parts) + b"--edge--\r\n"
    policy = a_policy(object_actions={ObjectStatus.INFECTED: ObjectAction.PLACEHOLDER})
    found = examine(message, (StandardTestFile(),), Rules())

    edits = edits_for(message, found, decide(found, policy), lambda _: "gone")
    mail = with_edits(a_mail(body=BodyRef("0-a", len(message))), edits)

    kept = [message[piece.start : piece.end] for piece in pieces(mail) if isinstance(piece, Span)]
    bad = [part for part, kind in zip(parts, kinds, strict=True) if kind == "bad"]
    assert sum(map(len, kept)) >= len(message) - sum(map(len, bad))
    for part, kind in zip(parts, kinds, strict=True):
        assert kind == "bad" or part in b"|".join(kept) or part.rstrip() in composed(mail, message)
    assert virus_test_file() not in composed(mail, message)
