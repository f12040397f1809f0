"""Uploaded bytes -> a checked picture. Pure: Pillow and NumPy.

A picture is believed only once it has been decoded. What is kept shows the right way up and carries no EXIF, XMP
or comment, so neither place nor person leaks.
"""

import hashlib
import io
import re
import struct
import warnings
from dataclasses import dataclass

from PIL import ExifTags, Image, UnidentifiedImageError

from labeling.likeness import perceptual_hash

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}  # what every browser shows -> file ending
MAX_BYTES = 50 * 2**20
MAX_PIXELS = 50_000_000  # decodes to 150 MB
MIN_SIDE_PX = 4
# Longest side of a thumbnail; none has less than half. Plates show 120 to 200 pixels, dense screens twice as many.
THUMBNAIL_PX = 400
DISPLAY_PX = 1280  # longest side of what the labelling page shows instead of a larger picture,
DISPLAY_FROM_PX = 1600  # which is not worth another file until its longest side is beyond this
# The parts that show a still picture. Every other one may tell of places and people, so a file that has one is
# written anew. Source: PNG (third edition), 11; RFC 9649, 2.
CHUNKS = {
    "PNG": set(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP sBIT bKGD pHYs".split()),
    "WEBP": {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP"},
}
# JPEG's application segments that decoders need, JFIF's without a thumbnail. Source: ITU-T T.81, B.1; T.871, 10.
SEGMENTS = re.compile(rb"\xe0\x00\x10JFIF\x00|\xe2..ICC_PROFILE\x00|\xee\x00\x0eAdobe|[\xc0-\xdf]", re.DOTALL)
# What follows the first scan: tables and scans, then the end, which is the end of the file.
SCANS = re.compile(rb"(?:[^\xff]++|\xff[\x00\xc4\xd0-\xd7\xda\xdb\xdd])*+\xff\xd9")
# An <svg> behind what may stand before it: a byte order mark, an XML declaration, comments, a document type.
SVG = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<[?!][^>]{0,2000}>\s*){0,9}<(?:\w+:)?svg[\s>]", re.IGNORECASE)
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


class PictureError(ValueError):
    """The bytes are not a picture that Nestwork takes; the message says why, for the person who sent them."""


@dataclass(frozen=True)
class Picture:
    data: bytes  # what is stored
    sha256: str  # of `data`
    ending: str  # "jpg", "png" or "webp"
    width: int
    height: int
    display: bytes | None  # one of the same format to label by; None where `data` is small enough
    thumbnail: bytes | None  # a smaller one still; None where `data` is small enough
    perceptual_hash: int | None  # what it looks like, for labeling.likeness; None where it is too plain


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
    is_bare = _is_bare_jpeg(data) if image_format == "JPEG" else _has_only(CHUNKS[image_format], data)
    is_as_sent = is_bare and upright is image and image.format == image_format
    kept = data if is_as_sent else _encode(upright, image_format, quality=95)
    # Each is made of the one before, which is several times as fast as making each of the picture.
    display = _smaller(upright, DISPLAY_PX) if max(upright.size) > DISPLAY_FROM_PX else upright
    # Whole blocks of pixels are averaged in a tenth of the time that any other size takes, and look no worse.
    factor = -(-max(display.size) // THUMBNAIL_PX)
    thumbnail = _mixable(display).reduce(factor) if factor > 1 else upright
    return Picture(
        data=kept,
        sha256=hashlib.sha256(kept).hexdigest(),
        ending=FORMATS[image_format],
        width=upright.width,
        height=upright.height,
        display=None if display is upright else _encode(display, image_format, quality=85),
        thumbnail=None if thumbnail is upright else _encode(thumbnail, image_format, quality=85),
        perceptual_hash=perceptual_hash(thumbnail),
    )


def _upright(image: Image.Image) -> Image.Image:
    """Return the picture turned as its EXIF says; `image` itself where it says nothing, or nothing readable."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except (OSError, SyntaxError, ValueError, struct.error):  # damaged EXIF says nothing
        return image
    turn = TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _is_bare_jpeg(data: bytes) -> bool:
    """Say whether a JPEG has only what shows the picture, and nothing behind it."""
    at = 2
    while data[at : at + 1] == b"\xff" and SEGMENTS.match(data, at + 1):
        is_scan = data[at + 1] == 0xDA
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if is_scan:
            return SCANS.fullmatch(data, at) is not None
    return False


def _has_only(kinds: set[bytes], data: bytes) -> bool:
    """Say whether a PNG or WebP has only chunks of these kinds, and nothing behind the last."""
    is_png = data.startswith(b"\x89PNG")
    at = 8 if is_png else 12
    while at < len(data):
        size, kind = (data[at : at + 4], data[at + 4 : at + 8])[:: 1 if is_png else -1]
        n = int.from_bytes(size, "big" if is_png else "little")
        if kind not in kinds:
            return False
        at += 12 + n if is_png else 8 + n + n % 2
        if kind == b"IEND":
            return at == len(data)
    return not is_png and at == len(data) == 8 + int.from_bytes(data[4:8], "little")


def _decode(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is checked below
            image = Image.open(io.BytesIO(data), formats=list(FORMATS))
    except UnidentifiedImageError as error:
        if SVG.match(data):
            raise PictureError(
                "Expected a JPEG, PNG or WebP picture; found an SVG drawing, which may carry programs."
            ) from error
        start = data[:12]
        raise PictureError(
            f"Expected a JPEG, PNG or WebP picture; found bytes that begin {start!r}."
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"Expected at most {MAX_PIXELS:,} pixels; found several times that.") from error
    except (OSError, SyntaxError, ValueError) as error:
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


def _mixable(image: Image.Image) -> Image.Image:
    """Return the picture with pixels that can be averaged, which those of a palette, for one, cannot."""
    if image.mode.startswith("I;16"):  # grey of 16 bits; the upper 8 are what screens show
        return image.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    if image.mode not in ("P", "1"):
        return image
    mixable = image.convert("RGBA" if "transparency" in image.info else "RGB")
    mixable.info.pop("transparency", None)
    return mixable


def _smaller(image: Image.Image, side_px: int) -> Image.Image:
    """Return the picture with `side_px` as its longest side."""
    image = _mixable(image)
    width, height = (max(1, round(side * side_px / max(image.size))) for side in image.size)
    # Pillow's thumbnail() takes the bicubic filter, whose sharpness costs half as much time again.
    return image.resize((width, height), Image.Resampling.HAMMING, reducing_gap=2.0)
