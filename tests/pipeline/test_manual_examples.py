"""The examples of the manual's chapters 5.3 and 5.4: configurations, messages in, what becomes of them.

The examples of 5.3 are groups of one gateway that cures, with the parameters as the manual has them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.embedded import Embedded, embedded
from tests.support.fates import Fate, Shape, a_sample, fate_of
from tests.support.gateway import PROJECT
from tests.support.samples import plain

pytestmark = pytest.mark.asyncio(loop_scope="module")

AS_IT_CAME, CURED, WITHOUT, PLACEHOLDER, LABELLED, BLOCKED = Shape

_CURING = "CheckAV=true\nActionDisinfected=cure\n"
EXAMPLES = {
    "5-3-1": _CURING
    + "ActionInfected=remove\nActionSuspicious=remove\nActionProtected=remove\nActionError=remove\n"
    "BlockMessage=\n",
    "5-3-2": _CURING
    + "ActionInfected=placeholder\nActionSuspicious=placeholder\nActionProtected=placeholder\n"
    "ActionError=placeholder\nBlockMessage=\n",
    "5-3-3": _CURING + "ActionInfected=pass\nActionSuspicious=pass\nActionProtected=pass\nActionError=pass\n"
    "BlockMessage=infected,suspicious,protected,\nerror\n",
    "5-3-4": _CURING
    + "ActionInfected=delete\nActionSuspicious=delete\nActionProtected=delete\nActionError=delete\n"
    "BlockMessage=\n"
    "NotifyAdmin=disinfected,infected,suspicious,\nprotected,error\n"
    "NotifyRecipient=disinfected,infected,\nsuspicious,protected,error\n"
    "NotifySender=disinfected,infected,suspicious,\nprotected,error\n",
    "5-3-5-managers": "IncludeByName=*.exe\nIncludeByName=*.reg\nActionFiltered=remove\n",
    "5-3-5-accounts": "ExcludeByName=*.doc\nActionFiltered=remove\n",
    "5-3-5-sales": "IncludeByName=*.exe\nBlockMessage=filtered\n",
    "5-3-6": _CURING + "ActionInfected=pass\nActionSuspicious=pass\nActionProtected=pass\nActionError=pass\n"
    "BlockMessage=infected,suspicious,protected,\nerror\n"
    "QuarantineMessage=infected,suspicious,\nprotected,error\n",
}

BAD = ("", "SUSP-", "WARN-", "CORR-", "ERRO-", "protected", "DELE-")
STATUS = {
    "": "av/infected",
    "DELE-": "av/infected",
    "SUSP-": "av/suspicious",
    "WARN-": "av/suspicious",
    "CORR-": "av/error",
    "ERRO-": "av/error",
    "protected": "av/protected",
}


def all_bad(bad: Fate) -> dict[str, Fate]:
    """What becomes of each kind of message, all bad ones alike."""
    return {"clean": Fate(AS_IT_CAME), "CURE-": Fate(CURED)} | dict.fromkeys(BAD, bad)


FATES: Mapping[str, Mapping[str, Fate]] = {
    "5-3-1": all_bad(Fate(WITHOUT)),
    # The manual has this variant deleted whatever the policy says.
    "5-3-2": all_bad(Fate(PLACEHOLDER)) | {"DELE-": Fate(WITHOUT)},
    "5-3-3": all_bad(Fate(BLOCKED)),
    "5-3-4": all_bad(Fate(WITHOUT, told="ars")) | {"CURE-": Fate(CURED, told="ars")},
    "5-3-6": all_bad(Fate(BLOCKED))
    | {kind: Fate(BLOCKED, quarantine=status) for kind, status in STATUS.items()},
}

FILTERED: Mapping[str, Mapping[str, Fate]] = {
    "5-3-5-managers": {
        "setup.exe": Fate(WITHOUT),
        "SETUP.EXE": Fate(WITHOUT),
        "keys.reg": Fate(WITHOUT),
        "letter.doc": Fate(AS_IT_CAME),
    },
    "5-3-5-accounts": {
        "letter.doc": Fate(AS_IT_CAME),
        "letter.docx": Fate(WITHOUT),
        "setup.exe": Fate(WITHOUT),
    },
    "5-3-5-sales": {"setup.exe": Fate(BLOCKED), "letter.doc": Fate(AS_IT_CAME)},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    folder = tmp_path_factory.mktemp("site")
    groups = "".join(
        f"[smtpgw.group:{name}]\nRecipients=*@{name}.example\nAVQuarantinePath={folder}/quarantine/{name}\n{text}"
        for name, text in EXAMPLES.items()
    )
    async with embedded(folder, settings={"smtpgw.ave Cure": "true"}, groups=groups) as running:
        yield running


@pytest.mark.parametrize(
    ("example", "kind"), [(example, kind) for example, fates in FATES.items() for kind in fates]
)
async def test_an_example_of_chapter_5_3(gateway: Embedded, example: str, kind: str) -> None:
    quarantine = gateway.site.folder / "quarantine" / example

    fate = await fate_of(gateway, a_sample(kind), f"{example}.example", quarantine)

    assert fate == FATES[example][kind]


@pytest.mark.parametrize(
    ("example", "name"), [(example, name) for example, fates in FILTERED.items() for name in fates]
)
async def test_an_example_of_filtering_by_name(gateway: Embedded, example: str, name: str) -> None:
    fate = await fate_of(gateway, a_sample("clean", name), f"{example}.example")

    assert fate == FILTERED[example][name]


SPAM, PROBABLE = plain("spam is bad do not send it"), plain("News and special events May")
TOLD = Fate(BLOCKED, told="r")

MODES: Mapping[str, Mapping[str, tuple[bytes, Fate]]] = {
    "maximum-speed": {
        "clean": (a_sample("clean"), Fate(AS_IT_CAME)),
        "a dangerous name": (a_sample("clean", "setup.EXE"), TOLD),
        "infected": (a_sample(""), TOLD),
        "curable, but nothing is cured": (a_sample("CURE-"), TOLD),
        "suspicious": (a_sample("SUSP-"), Fate(AS_IT_CAME)),
        "error": (a_sample("ERRO-"), Fate(AS_IT_CAME)),
        "protected": (a_sample("protected"), Fate(AS_IT_CAME)),
        "spam": (SPAM, Fate(LABELLED)),
        "probable spam": (PROBABLE, Fate(LABELLED)),
    },
    "recommended": {
        "clean": (a_sample("clean"), Fate(AS_IT_CAME)),
        "infected": (a_sample(""), Fate(PLACEHOLDER)),
        "curable": (a_sample("CURE-"), Fate(CURED)),
        "suspicious": (a_sample("SUSP-"), Fate(PLACEHOLDER)),
        "error": (a_sample("CORR-"), Fate(BLOCKED, told="r", quarantine="av/error")),
        "protected": (a_sample("protected"), Fate(BLOCKED, told="r", quarantine="av/protected")),
        "spam": (SPAM, Fate(LABELLED)),
        "probable spam": (PROBABLE, Fate(LABELLED)),
    },
    "maximum-protection": {
        "clean": (a_sample("clean"), Fate(AS_IT_CAME)),
        "infected": (a_sample(""), Fate(WITHOUT, told="ar")),
        "curable": (a_sample("CURE-"), Fate(CURED)),
        "suspicious": (a_sample("WARN-"), Fate(WITHOUT, told="ar")),
        "error": (a_sample("ERRO-"), Fate(WITHOUT, told="ar")),
        "protected": (a_sample("protected"), Fate(WITHOUT, told="ar")),
        "spam": (SPAM, Fate(BLOCKED, quarantine="as/spam")),
        "probable spam": (PROBABLE, Fate(BLOCKED, quarantine="as/probable")),
    },
}

_SECTIONS = ("smtpgw.antispam", "smtpgw.ave", "smtpgw.policy")
_OURS = ("AVQuarantinePath", "ASQuarantinePath")


def settings_of_mode(mode: str) -> dict[str, str]:
    """What the shipped file of a mode says of the two filters and of the policy."""
    settings: dict[str, list[str]] = {}
    section = ""
    modes = PROJECT / "deploy" / "config" / "modes"
    for line in (modes / f"{mode}.conf").read_text().splitlines():
        name, _, value = line.partition("=")
        if line.startswith("["):
            section = line.strip("[]")
        elif section in _SECTIONS and value and not line.startswith("#") and name not in _OURS:
            listed = (modes / "List1").read_text().split() if value.startswith("file:") else [value]
            settings.setdefault(f"{section} {name}", []).extend(listed)
    return {name: "\n".join(values) for name, values in settings.items()}


@pytest.mark.parametrize("mode", MODES)
async def test_a_mode_of_chapter_5_4(mode: str, tmp_path: Path) -> None:
    async with embedded(tmp_path, settings=settings_of_mode(mode)) as running:
        for what, (message, expected) in MODES[mode].items():
            kind = "spam" if expected.quarantine.startswith("as/") else "av"
            fate = await fate_of(running, message, "site.example", tmp_path / "quarantine" / kind)

            assert fate == expected, what
