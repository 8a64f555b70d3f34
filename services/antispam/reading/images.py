"""Pictures: their size, and the codes in them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from services.antispam.message import Source
from services.antispam.reading.documents import Document, Unreadable
from services.antispam.reading.html import Reference

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 2000
"""Pixels of a side: larger pictures are made smaller, for the time to read a code grows with them."""

MOST_PIXELS = 40_000_000
"""Pixels of a picture that is read at all."""

SMALLEST = 40
"""Pixels of a side: no code of a camera's is smaller."""

MOST_CODES = 10


def read_image(content: bytes) -> Document:
    """The size of a picture, and the addresses that its QR codes hold. Raises `Unreadable`."""
    import zxingcpp  # when the first picture comes: only confined processes need it
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                return Document(trouble="it has too many pixels", width=width, height=height)
            if min(width, height) < SMALLEST:
                return Document(width=width, height=height)
            image.draft("L", (LARGEST, LARGEST))
            grey = _on_white(image).convert("L")
            grey.thumbnail((LARGEST, LARGEST))
            formats = zxingcpp.BarcodeFormats(
                [zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.MicroQRCode]
            )
            codes = zxingcpp.read_barcodes(grey, formats=formats)
    except Exception as error:  # it raises many sorts for what is damaged
        raise Unreadable(str(error)[:100] or type(error).__name__) from error
    found = dict.fromkeys(code.text for code in codes[:MOST_CODES] if code.text)
    return Document(references=tuple(Reference(one, Source.QR) for one in found), width=width, height=height)


def _on_white(image: Image.Image) -> Image.Image:
    """The picture as it is seen where it is transparent."""
    from PIL import Image

    if image.mode not in ("RGBA", "LA", "PA", "P"):
        return image
    seen = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
