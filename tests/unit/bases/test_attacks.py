"""What a server, or somebody on the way to it, can try: each attack that The Update Framework names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Snapshot, Targets, Timestamp

from cli.maker.publishing import Role
from gateway.bases.catalogue import Family
from gateway.bases.updating import Outcome, Result, UpdateFailed, update
from tests.support.bases import MADE_AT, a_set
from tests.support.update_server import UpdateHost, named, update_host
from tests.support.updates import DAY, FILES, IMPATIENT, Maker, UpdateSite, a_site, new_keys

S = TypeVar("S", Snapshot, Timestamp)

CHANGED = {**FILES, "rules": b"the second rules"}


class Scene:
    """A maker, its server on the web, an honest mirror elsewhere, and a site that has the first version."""

    def __init__(self, folder: Path, host: UpdateHost, maker: Maker, site: UpdateSite) -> None:
        self.folder = folder
        self.host = host
        self.maker = maker
        self.site = site
        self.first = maker.publish()
        self.update()

    def update(self) -> Result:
        self.site.addresses = [self.host.url]
        return update(self.site.plan)

    def refused(self) -> str:
        """Why an update fails; nothing has changed."""
        before = self.site.in_use()
        with pytest.raises(UpdateFailed) as failed:
            self.update()
        assert self.site.in_use() == before
        return str(failed.value)

    def copy(self, name: str = "before") -> Path:
        """What the server has now, for showing it later."""
        return Path(shutil.copytree(self.maker.folder, self.folder / name))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    maker, site = a_site(tmp_path)
    with update_host(maker.folder) as host:
        yield Scene(tmp_path, host, maker, site)


def test_arbitrary_installation_files_of_another_content_are_refused(scene: Scene) -> None:
    scene.maker.publish(CHANGED)
    scene.host.contents[".rules"] = b"the evilest rule"

    assert "av/rules is not the file that was signed" in scene.refused()


def test_arbitrary_installation_what_another_one_signed_is_refused(scene: Scene) -> None:
    other = Maker(scene.folder / "other")
    other.begin()
    other.made = 5
    other.publish(CHANGED)
    scene.host.folder = other.folder

    assert "was signed by" in scene.refused()


def test_arbitrary_installation_a_site_that_knows_nothing_yet_believes_its_root_alone(scene: Scene) -> None:
    other = Maker(scene.folder / "other")
    other.begin()
    other.publish()
    fresh = UpdateSite(scene.folder / "fresh", scene.site.root, [str(other.folder)])

    with pytest.raises(UpdateFailed, match="was signed by"):
        update(fresh.plan)

    assert fresh.in_use() is None


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "2.root"])
def test_arbitrary_installation_metadata_that_was_changed_is_refused(scene: Scene, role: str) -> None:
    scene.maker.publish(CHANGED)
    path = scene.maker.server._versions(Role(role.removeprefix("2.")))[-1]
    signed = json.loads(path.read_bytes())
    signed["signed"]["version"] += 1
    scene.host.contents[f"{role}.json"] = json.dumps(signed).encode()

    assert scene.refused()


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 10_000, b"\xff\xfe", b'{"signed": {}}', b"null"])
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "2.root"])
def test_metadata_that_is_none_is_refused(scene: Scene, role: str, content: bytes) -> None:
    scene.maker.publish(CHANGED)
    scene.host.contents[f"{role}.json"] = content

    assert scene.refused()


@pytest.mark.parametrize(
    "part", ["timestamp.json", ".snapshot.json", ".targets.json", ".manifest.json", ".rules"]
)
def test_endless_data_is_cut_off(scene: Scene, part: str) -> None:
    scene.maker.publish(CHANGED)
    scene.host.endless = named(part)

    told = scene.refused()

    assert "has more than" in told or "exceeding" in told
    assert not [*scene.site.plan.bases.rglob("*.part")]  # nothing of it is kept


def test_endless_data_of_a_root_that_nobody_knows_of_is_cut_off(scene: Scene) -> None:
    scene.host.contents["2.root.json"] = b"{"
    scene.host.endless = named("2.root.json")

    assert "has more than" in scene.refused()


def test_extraneous_dependencies_files_that_nobody_signed_are_not_even_asked_for(scene: Scene) -> None:
    scene.maker.publish(CHANGED)
    (scene.maker.folder / "targets" / "av" / f"{'0' * 64}.more").write_bytes(b"and take this, too")

    scene.update()

    assert not scene.host.fetched(".more")


def test_extraneous_dependencies_a_manifest_cannot_name_what_was_not_signed_with_it(scene: Scene) -> None:
    scene.maker.publish(CHANGED)
    targets = newest(scene.maker)
    del targets.targets["av/words"]
    scene.maker.server._publish(targets)

    assert "av/words: is not what the manifest describes" in scene.refused()


def test_fast_forward_a_site_recovers_when_the_maker_changes_the_keys(scene: Scene) -> None:
    thief = Maker(scene.folder / "thief", scene.maker.keys)
    shutil.copytree(scene.maker.folder, thief.folder)
    metadata = thief.folder / "metadata"
    snapshot = Metadata[Snapshot].from_file(str(thief.server._versions(Role.SNAPSHOT)[-1])).signed
    timestamp = Metadata[Timestamp].from_file(str(metadata / "timestamp.json")).signed
    snapshot.version = timestamp.version = timestamp.snapshot_meta.version = 1_000_000
    sign(snapshot, thief, Role.SNAPSHOT, metadata / "1000000.snapshot.json")
    sign(timestamp, thief, Role.TIMESTAMP, metadata / "timestamp.json")
    scene.host.folder = thief.folder
    scene.update()  # all is signed with the stolen keys: the site has to believe it
    scene.host.folder = scene.maker.folder
    version = scene.maker.publish(CHANGED)
    assert "must be >= 1000000" in scene.refused()

    fresh = new_keys()
    for role in (Role.TIMESTAMP, Role.SNAPSHOT):
        scene.maker.server.rotate(role, fresh[role])
        scene.maker.keys[role] = fresh[role]

    assert scene.update().has(Outcome.UPDATED)
    assert scene.site.in_use() == version


def test_indefinite_freeze_what_was_not_signed_anew_in_time_is_refused(tmp_path: Path) -> None:
    maker, site = a_site(tmp_path)
    maker.now -= 10 * DAY
    maker.publish()

    with pytest.raises(
        UpdateFailed, match=r"timestamp\.json is expired: it is not kept up to date, or the clock"
    ):
        update(site.plan)

    maker.now += 10 * DAY
    maker.server.refresh()
    assert update(site.plan).has(Outcome.UPDATED)


@pytest.mark.parametrize("role", [Role.ROOT, Role.SNAPSHOT, Role.TARGETS])
def test_indefinite_freeze_no_metadata_is_believed_for_ever(tmp_path: Path, role: Role) -> None:
    maker = Maker(tmp_path / "server", terms={one: -DAY if one is role else DAY for one in Role})
    _, site = a_site(tmp_path, maker)
    maker.publish()

    with pytest.raises(UpdateFailed, match="expired"):
        update(site.plan)


def test_malicious_mirrors_do_not_keep_updates_away_while_one_is_honest(scene: Scene) -> None:
    stale = scene.copy()
    version = scene.maker.publish(CHANGED)
    other = Maker(scene.folder / "other")
    other.begin()
    other.publish()
    with update_host(scene.copy("lying")) as lying:
        lying.contents[".rules"] = b"the evilest rule"
        scene.site.addresses = [str(other.folder), lying.url, str(stale), str(scene.maker.folder)]

        result = update(scene.site.plan)

    assert scene.site.in_use() == version
    assert result.source == str(scene.maker.folder)
    assert len(result.troubles) == 3  # the stale one is, by then, older than what the lying one showed


def test_mix_and_match_files_of_different_times_do_not_go_together(scene: Scene) -> None:
    before = scene.copy()
    scene.maker.publish(CHANGED)
    old = sorted((before / "metadata").glob("*.targets.json"))[-1]
    scene.host.contents["3.targets.json"] = old.read_bytes()

    assert "Expected targets v3, got v2" in scene.refused()


def test_mix_and_match_a_snapshot_of_another_time_is_refused(scene: Scene) -> None:
    before = scene.copy()
    scene.maker.publish(CHANGED)
    old = sorted((before / "metadata").glob("*.snapshot.json"))[-1]
    scene.host.contents["3.snapshot.json"] = old.read_bytes()

    assert "snapshot version" in scene.refused()


def test_mix_and_match_a_manifest_of_one_set_and_files_of_another_are_refused(scene: Scene) -> None:
    old = next((scene.maker.folder / "targets" / "av").glob("*.manifest.json")).read_bytes()
    scene.maker.publish({**FILES, "rules": b"rules of no set."})
    scene.host.contents[".manifest.json"] = old

    assert "av/manifest.json is not the file that was signed" in scene.refused()


def test_rollback_older_metadata_than_was_seen_is_refused(scene: Scene) -> None:
    before = scene.copy()
    version = scene.maker.publish(CHANGED)
    scene.update()
    scene.host.folder = before

    assert "must be >=" in scene.refused()
    assert scene.site.in_use() == version


def test_rollback_an_older_set_that_is_signed_anew_does_not_take_the_place_of_a_newer_one(
    scene: Scene,
) -> None:
    version = scene.maker.publish(CHANGED)
    scene.update()
    scene.maker.made = 0
    shutil.rmtree(scene.folder / "made-server-0")
    scene.maker.publish({**FILES, "rules": b"old rules with holes"})

    assert scene.update().has(Outcome.CURRENT)
    assert scene.site.in_use() == version


@pytest.mark.parametrize("part", ["timestamp.json", ".words"])
def test_slow_retrieval_a_server_that_drips_is_left_for_the_next(scene: Scene, part: str) -> None:
    version = scene.maker.publish({"words": b"new words" * 5000})
    scene.host.dripping = named(part)
    scene.site.patience = IMPATIENT
    scene.site.addresses = [scene.host.url, str(scene.maker.folder)]

    result = update(scene.site.plan)

    assert "is too slow" in result.troubles[0]
    assert scene.site.in_use() == version


def test_slow_retrieval_a_server_that_never_answers_is_left_for_the_next(scene: Scene) -> None:
    version = scene.maker.publish(CHANGED)
    scene.host.silent = named("timestamp.json")
    scene.site.patience = type(IMPATIENT)(connect=0.2, silence=0.2)
    scene.site.addresses = [scene.host.url, str(scene.maker.folder)]

    result = update(scene.site.plan)

    assert "is silent or too slow" in result.troubles[0]
    assert scene.site.in_use() == version


def test_key_compromise_one_root_key_of_two_makes_no_root(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "server")
    maker.keys[Role.ROOT] += new_keys()[Role.ROOT]
    maker.server.begin(threshold=2)
    site = UpdateSite(tmp_path / "site", maker.server.root().read_bytes(), [str(maker.folder)])
    maker.publish()
    thief = Maker(maker.folder, {**maker.keys, Role.ROOT: maker.keys[Role.ROOT][:1]})
    thief.server.rotate(Role.TARGETS, new_keys()[Role.TARGETS])

    with pytest.raises(UpdateFailed, match="root was signed by"):
        update(site.plan)


def test_key_compromise_what_a_key_signs_after_it_was_changed_is_refused(scene: Scene) -> None:
    stolen = dict(scene.maker.keys)
    fresh = new_keys()
    for role in (Role.TARGETS, Role.SNAPSHOT, Role.TIMESTAMP):
        scene.maker.server.rotate(role, fresh[role])
        scene.maker.keys[role] = fresh[role]
    version = scene.maker.publish(CHANGED)
    assert scene.update().has(Outcome.UPDATED)
    thief = Maker(Path(scene.copy("thief")), stolen, made=9)
    thief.publish({**FILES, "rules": b"evil rules"})
    scene.host.folder = thief.folder

    assert "was signed by" in scene.refused()
    assert scene.site.in_use() == version


def test_key_compromise_all_keys_can_be_changed_and_sites_follow_from_the_root_that_they_came_with(
    scene: Scene,
) -> None:
    for _ in range(3):
        fresh = new_keys()
        for role in Role:
            scene.maker.server.rotate(role, fresh[role])
            scene.maker.keys[role] = fresh[role]
    version = scene.maker.publish(CHANGED)
    fresh_site = UpdateSite(scene.folder / "fresh", scene.site.root, [scene.host.url])

    for site in (scene.site, fresh_site):
        site.addresses = [scene.host.url]
        assert update(site.plan).has(Outcome.UPDATED)
        assert site.in_use() == version


def test_wrong_software_a_set_of_another_family_is_refused(scene: Scene) -> None:
    """What a maker could do by mistake: signed under the name of the other family."""
    made = a_set(scene.folder / "content", CHANGED, MADE_AT + DAY, family=Family.ANTISPAM)
    scene.maker.server.publish([made])
    targets = newest(scene.maker)
    for file in [file for path, file in targets.targets.items() if path.startswith("as/")]:
        file.path = file.path.replace("as/", "av/")
        targets.targets[file.path] = file
    places = scene.maker.folder / "targets"
    shutil.copytree(places / "as", places / "av", dirs_exist_ok=True)
    scene.maker.server._publish(targets)

    assert "av/manifest.json: is for as, not for av" in scene.refused()


def test_wrong_software_a_signed_file_under_the_name_of_another_is_refused(scene: Scene) -> None:
    scene.maker.publish({**FILES, "rules": b"other rules", "words": b"other words"})
    words = next((scene.maker.folder / "targets" / "av").glob("*.words"))
    scene.host.contents[".rules"] = words.read_bytes()

    assert scene.refused()


def newest(maker: Maker) -> Targets:
    """The metadata of the files that were published last, for changing."""
    return Metadata[Targets].from_file(str(maker.server._versions(Role.TARGETS)[-1])).signed


def sign(signed: S, maker: Maker, role: Role, place: Path) -> None:
    """Sign it with a key that somebody got hold of."""
    metadata = Metadata(signed)
    metadata.sign(CryptoSigner(maker.keys[role][0]))
    place.write_bytes(metadata.to_bytes())
