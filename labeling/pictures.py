"""Uploaded bytes -> a checked picture. Pure: Pillow alone.

A picture is believed only once it has been decoded. What is kept shows the right way up and carries no EXIF, XMP
or comment, so neither place nor person leaks.
"""

import hashlib
import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}  # what every browser shows -> file ending
MAX_BYTES = 50 * 2**20
MAX_PIXELS = 50_000_000  # decodes to 150 MB
MIN_SIDE_PX = 4
THUMBNAIL_PX = 320  # longest side; twice what the pages show, for dense screens
# Where formats keep words about a picture: JPEG's EXIF, comments and XMP, PNG's text chunks.
METADATA = {"exif", "xmp", "comment", "photoshop", "XML:com.adobe.xmp", "Raw profile type exif"}


class PictureError(ValueError):
    """The bytes are not a picture that Nestwork takes; the message says why, for the person who sent them."""


@dataclass(frozen=True)
class Picture:
    data: bytes  # what is stored
    sha256: str  # of `data`
    ending: str  # "jpg", "png" or "webp"
    width: int
    height: int
    thumbnail: bytes | None  # a smaller picture of the same format; None where `data` is small enough


def check_picture(data: bytes) -> Picture:
    """Decode `data`, turn it upright, strip its metadata, and return what is to be kept.

    Raises PictureError if it is too large, too small, of another format, or broken anywhere.
    """
    if len(data) > MAX_BYTES:
        raise PictureError(f"Expected at most {MAX_BYTES // 2**20} MiB; found {len(data) / 2**20:.1f} MiB.")
    image = _decode(data)
    upright = ImageOps.exif_transpose(image)
    is_as_sent = upright.size == image.size and not image.getexif() and not METADATA & image.info.keys()
    is_as_sent = is_as_sent and not getattr(image, "text", None)
    kept = data if is_as_sent else _encode(upright, image.format or "", quality=95)
    return Picture(
        data=kept,
        sha256=hashlib.sha256(kept).hexdigest(),
        ending=FORMATS[image.format or ""],
        width=upright.width,
        height=upright.height,
        thumbnail=_thumbnail(upright, image.format or ""),
    )


def _decode(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is checked below
            image = Image.open(io.BytesIO(data), formats=list(FORMATS))
    except UnidentifiedImageError as error:
        start = data[:12]
        raise PictureError(
            f"Expected a JPEG, PNG or WebP picture; found bytes that begin {start!r}."
        ) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureError(f"Expected a whole picture; found one that cannot be read ({error}).") from error
    _refuse_size(image.width, image.height)
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise PictureError(f"Expected a whole picture; found a broken one ({error}).") from error
    return image


def _refuse_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PictureError(f"Expected at most {MAX_PIXELS:,} pixels; found {width} x {height}.")
    if min(width, height) < MIN_SIDE_PX:
        raise PictureError(f"Expected at least {MIN_SIDE_PX} pixels a side; found {width} x {height}.")


def _encode(image: Image.Image, image_format: str, quality: int) -> bytes:
    # A copy of the pixels alone leaves every kind of metadata behind but the colours' meaning.
    bare = image.copy()
    bare.info = {key: image.info[key] for key in ("icc_profile", "transparency") if key in image.info}
    out = io.BytesIO()
    bare.save(out, image_format, quality=quality, exif=b"")
    return out.getvalue()


def _thumbnail(image: Image.Image, image_format: str) -> bytes | None:
    if max(image.size) <= THUMBNAIL_PX:
        return None
    small = image.copy()
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return _encode(small, image_format, quality=85)
