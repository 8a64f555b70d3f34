from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from gateway.domain.errors import TemporaryFailure
from gateway.records.lookups import Lookups

NOTHING: frozenset[str] = frozenset()


class Answers:
    """Answers each key with itself, one question at a time, when it may."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked: list[set[str]] = []

    async def ask(self, keys: Collection[str]) -> Mapping[str, frozenset[str]]:
        self.asked.append(set(keys))
        await self.may_answer.wait()
        if "away" in keys:
            raise TemporaryFailure("away")
        return {key: frozenset({key}) for key in keys}


async def test_those_who_ask_at_once_share_a_query() -> None:
    answers = Answers()
    lookups = Lookups(answers.ask, NOTHING)

    found = await asyncio.gather(*(lookups.find(key) for key in "abca"))

    assert found == [{"a"}, {"b"}, {"c"}, {"a"}]
    assert answers.asked == [{"a", "b", "c"}]


async def test_those_who_come_during_a_query_share_the_next() -> None:
    answers = Answers()
    answers.may_answer.clear()
    lookups = Lookups(answers.ask, NOTHING)
    first = asyncio.create_task(lookups.find("a"))
    while not answers.asked:
        await asyncio.sleep(0)
    others = [asyncio.create_task(lookups.find(key)) for key in "bc"]
    answers.may_answer.set()

    assert await first == {"a"}
    assert await asyncio.gather(*others) == [{"b"}, {"c"}]
    assert answers.asked == [{"a"}, {"b", "c"}]


async def test_who_is_cancelled_takes_no_answer_from_others() -> None:
    lookups = Lookups(Answers().ask, NOTHING)
    first, second = (asyncio.create_task(lookups.find(key)) for key in "ab")
    await asyncio.sleep(0)
    first.cancel()

    assert await second == {"b"}


async def test_a_failure_is_told_to_all_who_shared_it_and_to_no_other() -> None:
    lookups = Lookups(Answers().ask, NOTHING)

    outcomes = await asyncio.gather(lookups.find("away"), lookups.find("a"), return_exceptions=True)

    assert all(isinstance(outcome, TemporaryFailure) for outcome in outcomes)
    assert await lookups.find("a") == {"a"}
