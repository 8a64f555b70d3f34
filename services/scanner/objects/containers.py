"""Which opener takes which kind of container apart. A new one is a file here, and a line in this table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gateway.domain.kinds import Kind
from services.scanner.objects.budget import Budget
from services.scanner.objects.cms import open_cms
from services.scanner.objects.encoded import open_binhex, open_uuencoded, open_yenc
from services.scanner.objects.mail import open_mbox, open_message
from services.scanner.objects.members import Fault, Member, Opener, protected
from services.scanner.objects.ole import open_active_mime, open_ole
from services.scanner.objects.pdf import open_pdf
from services.scanner.objects.rtf import open_rtf
from services.scanner.objects.sevenzip import FORMATS, opener
from services.scanner.objects.streams import open_bzip2, open_gzip, open_lzma, open_xz, open_zstd
from services.scanner.objects.tar import open_tar
from services.scanner.objects.tnef import open_tnef
from services.scanner.objects.zip import open_zip


def _open_pgp(_content: bytes, _budget: Budget) -> Iterator[Member | Fault]:
    """Nothing comes out of an OpenPGP message without a key."""
    yield protected()


CONTAINERS: Mapping[Kind, Opener] = MappingProxyType(
    {kind: opener(kind) for kind in FORMATS}
    | {
        Kind.MESSAGE: open_message,
        Kind.MBOX: open_mbox,
        Kind.UUENCODED: open_uuencoded,
        Kind.YENC: open_yenc,
        Kind.BINHEX: open_binhex,
        Kind.TNEF: open_tnef,
        Kind.CMS: open_cms,
        Kind.PGP: _open_pgp,
        Kind.ZIP: open_zip,
        Kind.TAR: open_tar,
        Kind.GZIP: open_gzip,
        Kind.BZIP2: open_bzip2,
        Kind.XZ: open_xz,
        Kind.LZMA: open_lzma,
        Kind.ZSTD: open_zstd,
        Kind.OLE: open_ole,
        Kind.RTF: open_rtf,
        Kind.PDF: open_pdf,
        Kind.ACTIVE_MIME: open_active_mime,
    }
)
"""How to open each kind."""

NO_OPENER: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.ACE: "ACE archives",
        Kind.ZOO: "ZOO archives",
        Kind.ALZ: "ALZ archives",
        Kind.EGG: "EGG archives",
        Kind.STUFFIT: "StuffIt archives",
        Kind.DAA: "DAA images",
        Kind.FREEARC: "FreeArc archives",
        Kind.LZIP: "lzip files",
        Kind.LZ4: "LZ4 files",
        Kind.LZOP: "lzop files",
        Kind.SNAPPY: "Snappy files",
    }
)
"""Kinds that are known and that nothing here can open: nobody may call them clean."""

MAIL = frozenset({Kind.MESSAGE, Kind.MBOX})
"""What `ScanMailBases` is about."""

ALWAYS = frozenset({Kind.UUENCODED, Kind.YENC, Kind.BINHEX, Kind.TNEF, Kind.CMS, Kind.PGP})
"""Ways to write an attachment into a message: without them there is no telling what was sent. All other
kinds are opened as `ScanArchives` says."""
