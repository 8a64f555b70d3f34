from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.maker.model import train_model
from gateway.domain.journey import Finding
from gateway.runtime.exitcodes import ExitCode
from services.antispam.statistics.corpus import Examined, NoCorpus, corpus_in, examine, without, written_mail
from services.antispam.statistics.training import MOST, train, train_words

MAIL = b"From: Ann Miller <ann.miller@firm.example>\nTo: bob@own.example\nSubject: hello\n\nhello\n"
MANIFEST = (
    "sha256\tlabel\tsource\tbytes\tmonth\tclient_ip\thelo\tenvelope_from\tauth_results\torigin\tarchive\tmember\n"
    "0\tham\tletters\t1\t2026-01\t192.0.2.1\t?\tann@firm.example\tspf=pass;dmarc=bestguesspass\tx\ta.tar.xz\ta/1.eml\n"
)


def an_example(number: int, *checks: str, good: bool, source: str = "one") -> Examined:
    return Examined(str(number), source, good, tuple(Finding(check, "") for check in checks), checks)


def some_mail() -> list[Examined]:
    bad = [an_example(number, "from.digits", good=False) for number in range(40)]
    good = [an_example(number, "good.named", good=True) for number in range(40)]
    both = [an_example(number, "to.many", good=number % 2 == 0) for number in range(40)]
    return [*bad, *good, *both]


def a_corpus(folder: Path) -> Path:
    (folder / "manifest.tsv").write_text(MANIFEST)
    with tarfile.open(folder / "a.tar.xz", "w:xz") as archive:
        member = tarfile.TarInfo("a/1.eml")
        member.size = len(MAIL)
        archive.addfile(member, io.BytesIO(MAIL))
    return folder


def test_what_only_bad_mail_has_speaks_against_it_and_what_both_have_for_nobody() -> None:
    weights = train(some_mail()).weights

    assert weights["from.digits"] > 0.3
    assert weights["good.named"] < -0.3
    assert abs(weights.get("to.many", 0.0)) < 0.3


def test_a_good_sign_never_speaks_for_spam() -> None:
    turned = [an_example(number, "good.named", good=False) for number in range(40)]
    others = [an_example(number, "from.digits", good=True) for number in range(40)]

    assert train([*turned, *others]).weights == {}


def test_training_twice_gives_the_same() -> None:
    assert train(some_mail()) == train(some_mail())


def test_no_feature_is_worth_more_than_its_bound() -> None:
    assert all(abs(weight) <= MOST / 0.7 + 0.01 for weight in train(some_mail() * 20).weights.values())


def test_what_is_forgotten_is_forgotten_by_name_and_by_family() -> None:
    message = an_example(1, "date.past", "date.zone", "good.named", good=True)

    assert without(message, ["date", "good.named"]).features == ()
    assert without(message, ["date.zone"]).features == ("date.past", "good.named")


def some_words(good: str, bad: str, *, sources: int = 3) -> list[Examined]:
    return [
        Examined(str(number), f"source {number}", label, (), (), frozenset(text.split()))
        for number in range(sources)
        for label, text in ((True, good), (False, bad))
    ]


def test_words_of_bad_mail_speak_against_it_and_those_of_both_for_nobody() -> None:
    weights = train_words(some_words("lunch the", "viagra the")).weights

    assert weights["viagra"] > 0.1
    assert weights["lunch"] < -0.1
    assert abs(weights.get("the", 0.0)) < 0.05


def test_words_of_few_sources_are_not_learnt() -> None:
    assert train_words(some_words("lunch", "viagra", sources=2)).weights == {}


def test_words_that_written_mail_is_filled_with_are_not_learnt() -> None:
    weights = train_words(some_words("lunch Wellington :wellington", "viagra http example")).weights

    assert set(weights) == {"lunch", "viagra", "Wellington"}


def test_written_mail_counts_by_its_texts() -> None:
    few = [
        Examined(f"bad/en/{number}#0", "written/en", False, (), (), frozenset({"word"}))
        for number in range(4)
    ]
    many = some_words("word", "other") * 10

    assert train_words([*few, *many]).weights["word"] < 0


def test_a_corpus_is_unpacked_once_and_examined_as_the_gateway_would(tmp_path: Path) -> None:
    corpus, unpacked = a_corpus(tmp_path), tmp_path / "unpacked"

    [message] = corpus_in(corpus, unpacked)
    (tmp_path / "a.tar.xz").unlink()
    [again] = corpus_in(corpus, unpacked)

    assert message == again
    assert (message.good, message.client_ip, message.helo) == (True, "192.0.2.1", "")
    assert "good.named" in {finding.check for finding in examine(message).findings}


def test_a_missing_corpus_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoCorpus, match="is not there"):
        list(corpus_in(tmp_path, tmp_path))

    told = CliRunner().invoke(train_model, [str(tmp_path), str(tmp_path)])
    assert told.exit_code == ExitCode.SYSTEM_ERROR
    assert list(tmp_path.iterdir()) == []


def test_written_mail_is_good_and_bad_with_and_without_facts() -> None:
    messages = list(written_mail())

    assert {message.good for message in messages} == {True, False}
    assert {bool(message.results) for message in messages} == {True, False}
