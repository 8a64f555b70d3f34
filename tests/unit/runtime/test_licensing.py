from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.config.load import load_settings
from gateway.domain.licence import Licence, LicenceType, Place, Scope
from gateway.licences.keyfile import read_key, write_key
from gateway.licences.keyring import Keyring
from gateway.licences.revocations import write_list
from gateway.licences.signers import shipped_signers
from gateway.records.licences import LicenceRecords
from gateway.records.sqlite import open_sqlite
from gateway.runtime import wiring
from gateway.runtime.licensing import Licensing, NoLicence
from tests.support.bases import a_set_in_use
from tests.support.gateway import EVALUATION_KEY, make_site
from tests.support.licences import MADE, MAKER, SIGNERS, a_licence


@dataclass
class Site:
    records: LicenceRecords
    folder: Path
    today: date = MADE

    @property
    def keyring(self) -> Keyring:
        return Keyring(self.records, SIGNERS, lambda: self.today)

    def put(self, licence: Licence, name: str = "licence.key") -> None:
        (self.folder / name).write_text(write_key(licence, MAKER))

    async def started(self) -> Licensing:
        licensing = Licensing(self.keyring, self.folder, [self.folder / "revoked.list"])
        await licensing.open()
        return licensing


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    records = await open_sqlite(tmp_path / "records.db")
    yield Site(LicenceRecords(records.database), tmp_path)
    await records.close()


async def test_without_a_key_the_gateway_does_not_start_and_says_what_to_do(site: Site) -> None:
    with pytest.raises(NoLicence, match="licensemanager -a FILE"):
        await site.started()


async def test_a_key_file_that_was_never_seen_is_installed_at_start(site: Site) -> None:
    site.put(a_licence("A"))
    await site.started()

    assert [key.serial for key in await site.records.keys()] == ["A"]


async def test_a_key_that_was_removed_is_not_installed_again_from_its_file(site: Site) -> None:
    site.put(a_licence("A"))
    await site.started()
    await site.keyring.remove(Place.ACTIVE)

    with pytest.raises(NoLicence):
        await site.started()


async def test_a_file_that_is_no_key_is_told_of_and_passed_over(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    (site.folder / "a.key").write_text("nonsense")
    site.put(a_licence("B"), "b.key")

    licensing = await site.started()

    assert licensing.standing.in_force
    assert "a.key is not used" in caplog.text


async def test_a_trial_that_is_over_does_not_start(site: Site) -> None:
    site.put(a_licence("A", type=LicenceType.TRIAL, lifespan=14))
    await site.started()
    site.today = MADE + timedelta(days=14)

    with pytest.raises(NoLicence, match="the licence key A ended on 2026-01-18"):
        await site.started()


async def test_a_running_gateway_goes_on_when_its_key_ends_and_says_so(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.put(a_licence("A", lifespan=10))
    licensing = await site.started()
    site.today = MADE + timedelta(days=10)

    await licensing.look()

    assert not licensing.standing.in_force
    assert licensing.filters_spam
    assert "updated no more" in caplog.text


async def test_a_change_of_keys_has_its_effect_in_processes_that_run(site: Site) -> None:
    site.put(a_licence("A", scope=Scope.ANTI_VIRUS))
    licensing = await site.started()
    assert not licensing.filters_spam
    await site.keyring.remove(Place.ACTIVE)
    await site.keyring.install(write_key(a_licence("B"), MAKER).encode(), "a.key")

    await licensing.look()

    assert licensing.filters_spam


async def test_a_list_of_revoked_keys_has_its_effect_while_the_gateway_runs(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.put(a_licence("A"))
    licensing = await site.started()
    (site.folder / "revoked.list").write_text(write_list(1, ["A"], MAKER))

    await licensing.look()

    assert not licensing.standing.in_force
    assert "the licence key A was revoked by its maker" in caplog.text
    with pytest.raises(NoLicence, match="the licence key A was revoked by its maker"):
        await site.started()


async def test_a_list_that_comes_with_the_databases_has_its_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "shipped_signers", lambda: SIGNERS)
    place = make_site(tmp_path, next_hop_port=1)
    settings = load_settings(place.config, place.environment)
    records = await open_sqlite(tmp_path / "records.db")
    licensing = wiring.open_licensing(settings, records)
    await licensing.keyring.install(write_key(valid_for_years("A"), MAKER).encode(), "a.key")
    await licensing.look()
    assert licensing.standing.in_force

    a_set_in_use(tmp_path / "bases" / "av", {"revoked.list": write_list(1, ["A"], MAKER).encode()})
    await licensing.look()

    assert not licensing.standing.in_force
    await records.close()


def valid_for_years(serial: str) -> Licence:
    return a_licence(serial, use_by=date(2099, 12, 31), lifespan=36_000)


async def test_a_list_that_nobody_signed_whose_keys_they_are_is_told_of_and_passed_over(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.put(a_licence("A"))
    (site.folder / "revoked.list").write_text(write_list(1, ["A"], Ed25519PrivateKey.generate()))

    licensing = await site.started()

    assert licensing.standing.in_force
    assert "revoked.list is not used: it was signed by somebody" in caplog.text


async def test_a_list_that_was_read_is_read_again_when_it_is_another_one(site: Site) -> None:
    site.put(a_licence("A"))
    (site.folder / "revoked.list").write_text(write_list(1, [], MAKER))
    licensing = await site.started()
    assert licensing.standing.in_force
    (site.folder / "revoked.list").write_text(write_list(2, ["A"], MAKER))

    await licensing.look()

    assert not licensing.standing.in_force


async def test_the_key_that_comes_with_the_product_says_that_it_is_for_evaluation(
    tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    licence = read_key(EVALUATION_KEY.read_bytes(), shipped_signers())
    keyring = Keyring(site.records, shipped_signers(), lambda: licence.created)
    await keyring.install(EVALUATION_KEY.read_bytes(), "evaluation.key")

    with caplog.at_level(logging.INFO):
        await Licensing(keyring, tmp_path).open()

    assert licence.type is LicenceType.EVALUATION
    assert "for evaluation" in caplog.text
