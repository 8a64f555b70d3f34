"""What a source shows and who signed it: The Update Framework, by its library, and only here.

    metadata/<n>.root.json        who may sign what; each is signed by the keys of the one before, too
    metadata/timestamp.json       which snapshot is the newest; signed anew again and again
    metadata/<n>.snapshot.json    which versions of metadata belong together
    metadata/<n>.targets.json     the size and the digest of each file
    targets/av/<sha256>.<name>    a file of a set, `manifest.json` among them

What was believed once is kept: whoever shows something older later is not believed, whichever source it is.
The library compares times of expiry with the clock of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    RepositoryError,
)
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from gateway.bases.fetching import NotThere, Progress, Source, SourceFailed

SHIPPED_ROOT = Path(__file__).parent / "root.json"
"""Whom this version trusts. Later roots that its keys have signed are found by themselves."""

METADATA, TARGETS = "metadata", "targets"
"""The folders of an update server."""

LARGEST_METADATA = 4 << 20
"""Bytes of one file; for root and timestamp, whose size nobody knows before, the library allows less."""

LARGEST_FILE = 4 << 30
"""Bytes; digests of a hundred million threats."""

MOST_ROOTS = 256
"""Rotations since the root that this version came with."""

_NOT_FOUND = 404


class Untrusted(Exception):
    """What the source shows was not signed by whom we trust, or is not what they signed; says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A file of which its maker signed the size and the digest."""

    path: str  # `av/rules.yar`
    size: int
    sha256: str

    @property
    def place(self) -> str:
        """Where it lies on an update server."""
        folder, _, name = self.path.rpartition("/")
        return "/".join(filter(None, (TARGETS, folder, f"{self.sha256}.{name}")))


class Repository:
    """What the maker has published, as one source shows it, and as far as it can be believed."""

    def __init__(self, source: Source, memory: Path, root: bytes) -> None:
        """`memory` is the folder with what was believed before; `root` is whom to trust.

        Raises `Untrusted` when that root is none.
        """
        self.source = source
        self._memory = memory
        memory.mkdir(parents=True, exist_ok=True)
        with _translated(source.name):
            self._client = Updater(
                str(memory),
                METADATA,
                fetcher=_Fetcher(source),
                config=UpdaterConfig(
                    max_root_rotations=MOST_ROOTS,
                    max_delegations=0,
                    snapshot_max_length=LARGEST_METADATA,
                    targets_max_length=LARGEST_METADATA,
                ),
                bootstrap=root,
            )
        self.targets: Mapping[str, Target] = {}

    def refresh(self) -> None:
        """Ask what is published now, for `targets`. Raises `Untrusted` and `SourceFailed`."""
        with _translated(self.source.name):
            self._client.refresh()
            signed = Metadata[Targets].from_file(str(self._memory / "targets.json")).signed
            self.targets = {path: _target(path, file) for path, file in signed.targets.items()}

    def metadata(self) -> Iterator[tuple[str, Path]]:
        """All files of metadata that were believed, in the order in which a server needs them."""
        roots = sorted((self._memory / "root_history").glob("*.root.json"), key=_number)
        for root in roots:
            yield root.name, root
        for role in ("targets", "snapshot"):
            path = self._memory / f"{role}.json"
            yield f"{Metadata.from_file(str(path)).signed.version}.{role}.json", path
        yield "timestamp.json", self._memory / "timestamp.json"

    def fetch(self, target: Target, part: Path, progress: Progress) -> None:
        """Have the file in `part`, and in it nothing but that file. Raises `Untrusted` and `SourceFailed`."""
        resumed = part.exists()
        if resumed and _is(target, part):
            progress(target.size)
            return
        try:
            self._fetch(target, part, progress)
        except Untrusted:
            part.unlink(missing_ok=True)
            if not resumed:
                raise
            # What was begun elsewhere may be to blame, so this source is asked for the whole of it.
            try:
                self._fetch(target, part, progress)
            except Untrusted:
                part.unlink(missing_ok=True)
                raise

    def _fetch(self, target: Target, part: Path, progress: Progress) -> None:
        try:
            self.source.fetch(target.place, part, target.size, progress)
        except NotThere as problem:
            raise SourceFailed(str(problem)) from problem
        if not _is(target, part):
            raise Untrusted(f"{self.source.name}: {target.path} is not the file that was signed")


class _Fetcher(FetcherInterface):
    """Gives the library's client the files of a source."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            yield self._source.read(url, LARGEST_METADATA)
        except NotThere as problem:
            raise DownloadHTTPError(str(problem), _NOT_FOUND) from problem
        except SourceFailed as problem:
            raise DownloadError(str(problem)) from problem


class _translated:  # noqa: N801 - reads as the word that it is
    """What the library raises in our words."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, problem: BaseException | None, __: object) -> None:
        match problem:
            case ExpiredMetadataError():
                raise Untrusted(
                    f"{self._name}: {problem}: it is not kept up to date, or the clock here is wrong"
                ) from problem
            case RepositoryError() | DownloadLengthMismatchError():
                raise Untrusted(f"{self._name}: {problem}") from problem
            case DownloadError():
                raise SourceFailed(str(problem)) from problem


def _is(target: Target, part: Path) -> bool:
    with part.open("rb") as file:
        return file_digest(file, "sha256").hexdigest() == target.sha256 and file.tell() == target.size


def _target(path: str, file: TargetFile) -> Target:
    digest = file.hashes.get("sha256", "")
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise RepositoryError(f"{path} has no SHA-256")
    if file.length > LARGEST_FILE:
        raise RepositoryError(f"{path} has more than {LARGEST_FILE} bytes")
    if any(part in ("", ".", "..") for part in path.split("/")) or set(path) & {"\\", "\0"}:
        raise RepositoryError(f"{path!r} is no path within a server")
    return Target(path, file.length, digest)


def _number(root: Path) -> int:
    return int(root.name.partition(".")[0])
