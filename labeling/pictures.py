"""Uploaded bytes -> a checked picture. Pure: Pillow alone.

A picture is believed only once it has been decoded. What is kept shows the right way up and carries no EXIF, XMP
or comment, so neither place nor person leaks.
"""

import hashlib
import io
import struct
import warnings
from dataclasses import dataclass

from PIL import ExifTags, Image, UnidentifiedImageError

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}  # what every browser shows -> file ending
MAX_BYTES = 50 * 2**20
MAX_PIXELS = 50_000_000  # decodes to 150 MB
MIN_SIDE_PX = 4
THUMBNAIL_PX = 320  # longest side; twice what the pages show, for dense screens
# How a whole file ends: JPEG's end-of-image marker, PNG's last chunk.
ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
# What turns a picture upright, by its EXIF orientation; 1 is upright. Source: Exif 2.32, tag 0x0112.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
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
    # A JPEG with a second picture behind it, as phones write for depth, is called MPO.
    image_format = "JPEG" if image.format == "MPO" else image.format or ""
    upright = _upright(image)
    is_bare = (
        image.format == image_format and not METADATA & image.info.keys() and not getattr(image, "text", None)
    )
    is_as_sent = is_bare and upright is image and _ends_with_the_picture(data, image_format)
    kept = data if is_as_sent else _encode(upright, image_format, quality=95)
    return Picture(
        data=kept,
        sha256=hashlib.sha256(kept).hexdigest(),
        ending=FORMATS[image_format],
        width=upright.width,
        height=upright.height,
        thumbnail=_thumbnail(upright, image_format),
    )


def _upright(image: Image.Image) -> Image.Image:
    """Return the picture turned as its EXIF says; `image` itself where it says nothing, or nothing readable."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except (OSError, SyntaxError, ValueError, struct.error):  # damaged EXIF says nothing
        return image
    turn = TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _ends_with_the_picture(data: bytes, image_format: str) -> bool:
    """Say whether nothing follows the picture; phones append films and more."""
    if image_format == "WEBP":
        return len(data) == 8 + int.from_bytes(data[4:8], "little")
    return data.endswith(ENDS[image_format])


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
    bare.info = {key: image.info[key] for key in ("transparency",) if key in image.info}
    out = io.BytesIO()
    bare.save(out, image_format, quality=quality, exif=b"", icc_profile=image.info.get("icc_profile"))
    return out.getvalue()


def _thumbnail(image: Image.Image, image_format: str) -> bytes | None:
    if max(image.size) <= THUMBNAIL_PX:
        return None
    small = image.copy()
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return _encode(small, image_format, quality=85)
