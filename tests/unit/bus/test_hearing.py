from __future__ import annotations

from gateway.bus.hearing import MOST_UNHEARD, Listeners
from gateway.domain.commands import Remove


async def test_a_listener_who_is_too_slow_is_told_to_ask() -> None:
    listeners = Listeners()
    with listeners.listen() as listener:
        for number in range(MOST_UNHEARD + 5):
            listeners.tell(Remove((str(number),)))

        heard = [await anext(listener) for _ in range(7)]

    assert heard == [None, *[Remove((str(MOST_UNHEARD - 1 + number),)) for number in range(6)]]


async def test_one_who_no_longer_listens_hears_the_end() -> None:
    listeners = Listeners()
    with listeners.listen() as listener:
        pass

    assert [command async for command in listener] == []
