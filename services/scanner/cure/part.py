"""The cure of one part of a message: what is called in isolation."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.policy import ObjectStatus
from gateway.runtime.sheets import Sheet
from services.scanner.engines.port import Knowledge
from services.scanner.judging import Examined, Rules, judge, readings_of
from services.scanner.objects.budget import Budget
from services.scanner.objects.walking import outermost


def cure_part(sheet: Sheet, found: Examined, engines: Sequence[Knowledge], rules: Rules) -> bytes | None:
    """The content of the part on the sheet without what was found in it, where no engine finds anything then.

    None if there is no way to that.
    """
    # Only confined processes need the libraries for it.
    from services.scanner.cure.disarming import disarm

    part = found.part
    readings = readings_of(part, sheet.read(part.start, part.end))
    if len(readings) > 1:
        return None  # only one of them could be put back
    bad = frozenset(one.place for one in found.inside if one.status is not ObjectStatus.CLEAN)
    cured = disarm(readings[0], bad, Budget(rules.limits))
    if cured is None or cured == readings[0].content:
        return None
    reading = outermost(cured, found.names, part.content_type)
    again = judge(part, (reading,), engines, rules, Budget(rules.limits))
    return cured if again.status is ObjectStatus.CLEAN else None
