from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest

from services.antispam.statistics.model import (
    LEAST,
    MOST,
    BadModel,
    Model,
    read_model,
    write_model,
)


def test_what_is_written_is_read_again_and_always_the_same_bytes() -> None:
    model = Model({"told.plea": 0.5, "good.named": -1.0})

    assert read_model(write_model(model)) == model
    assert write_model(model) == write_model(Model({"good.named": -1.0, "told.plea": 0.5}))


def test_experience_is_explained_by_what_weighed_most() -> None:
    found = Model({"a": 0.25, "b": -1.0, "c": 2.0}).judge(["a", "b", "c", "unknown"])

    assert found
    assert found.score == 1.25
    assert found.detail == "experience with such messages: c +2.0, b -1.0, a +0.2"


def test_experience_is_bounded() -> None:
    model = Model({"a": 9.0, "b": -20.0})
    bad, good = model.judge(["a"]), model.judge(["a", "b"])

    assert bad
    assert good
    assert (bad.score, good.score) == (MOST, LEAST)


def test_what_nothing_is_known_of_has_no_finding() -> None:
    assert Model({"a": 1.0}).judge(["b"]) is None


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(BadModel):
        read_model(content)


def test_an_array_of_something_else_is_refused() -> None:
    file = BytesIO()
    np.save(file, np.zeros(3))

    with pytest.raises(BadModel, match="not rows of feature and weight"):
        read_model(file.getvalue())


def test_objects_are_never_unpacked() -> None:
    file = BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)

    with pytest.raises(BadModel):
        read_model(file.getvalue())


def test_a_model_that_knows_nothing_is_refused() -> None:
    with pytest.raises(BadModel, match="knows no feature"):
        read_model(write_model(Model({})))
