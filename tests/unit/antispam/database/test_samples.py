from __future__ import annotations

import random
from pathlib import Path

import pytest

from gateway.bases.catalogue import UnusableSet
from services.antispam.database.fingerprints import Numbers, fingerprint, likeness
from services.antispam.database.samples import (
    FINGERPRINTS,
    Sample,
    gather,
    read_samples,
    sample_of,
    write_samples,
)
from services.antispam.database.tokens import tokens_of

DICE = random.Random(6)
VOCABULARY = ["".join(DICE.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(4000)]
CHARACTERS = [chr(code) for code in range(0x4E00, 0x5600)]


def a_text(words: int = 200) -> str:
    return " ".join(DICE.choices(VOCABULARY, k=words))


def edited(text: str, share: float) -> str:
    return " ".join(DICE.choice(VOCABULARY) if DICE.random() < share else word for word in text.split(" "))


def numbers_of(text: str) -> Numbers:
    numbers = fingerprint(tokens_of(text))
    assert numbers is not None
    return numbers


SAMPLES = [sample for n in range(300) if (sample := sample_of(a_text(), f"s{n}", "Phishing"))]
KNOWN = gather(SAMPLES)


def test_a_text_with_a_tenth_of_its_words_changed_is_recognised() -> None:
    original = a_text()
    known = gather([*SAMPLES, Sample("it", "Phishing", numbers_of(original))])

    found = [known.like(numbers_of(edited(original, 0.1))) for _ in range(50)]

    assert sum(bool(near) and near[0].sample == "it" for near in found) == 50


def test_other_texts_resemble_nothing() -> None:
    assert not any(KNOWN.like(numbers_of(a_text())) for _ in range(100))


def test_what_the_bands_find_is_what_comparing_all_finds() -> None:
    one = SAMPLES[7].numbers

    [found] = KNOWN.like(one)

    assert (found.sample, found.likeness) == ("s7", 1.0)
    assert likeness(one, KNOWN.numbers).argmax() == 7


def test_amounts_dates_and_codes_make_no_difference() -> None:
    text = "transfer {} dollars before {} with the code {} " + a_text(30)

    one, two = (numbers_of(text.format(*facts)) for facts in (("500", "May", "x1"), ("900", "May", "q77")))

    assert likeness(one, two) == 1.0


def test_texts_without_spaces_are_compared_by_their_characters() -> None:
    text = "".join(DICE.choices(CHARACTERS, k=200))
    changed = "".join(DICE.choice(CHARACTERS) if DICE.random() < 0.1 else sign for sign in text)
    known = gather([Sample("zh", "Phishing", numbers_of(text))])

    [found] = known.like(numbers_of(changed))

    assert found.sample == "zh"


@pytest.mark.parametrize(
    ("text", "enough"), [("word " * 19, False), ("word " * 20, True), ("字" * 39, False), ("字" * 40, True)]
)
def test_short_texts_are_no_samples(text: str, *, enough: bool) -> None:
    assert (sample_of(text, "", "") is not None) is enough


def test_files_hold_the_same_samples_and_the_same_samples_make_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_samples(tmp_path / name, gather(SAMPLES))

    read = read_samples(tmp_path / "a")

    assert [path.read_bytes() for path in sorted((tmp_path / "a").iterdir())] == [
        path.read_bytes() for path in sorted((tmp_path / "b").iterdir())
    ]
    assert (len(read), read.like(SAMPLES[3].numbers)) == (300, KNOWN.like(SAMPLES[3].numbers))


def test_a_damaged_file_makes_the_set_unusable(tmp_path: Path) -> None:
    write_samples(tmp_path, KNOWN)
    (tmp_path / FINGERPRINTS).write_bytes(b"no array")

    with pytest.raises(UnusableSet, match=r"samples\.npy"):
        read_samples(tmp_path)


def test_without_samples_nothing_is_found(tmp_path: Path) -> None:
    write_samples(tmp_path, gather([]))

    assert read_samples(tmp_path).like(SAMPLES[0].numbers) == ()
