import hashlib
import io
import struct
import zlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from labeling.likeness import NEAR
from labeling.pictures import PictureError, check_picture
from tests.factories import make_picture

FORMATS = ["JPEG", "PNG", "WEBP"]
ORIENTATION, GPS, MAKER = 0x0112, 0x8825, 0x010F
LANDSCAPE = (40, 30)


def encode(image: Image.Image, image_format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def decode(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def noise(size=LANDSCAPE) -> Image.Image:
    return decode(make_picture(1, size))


def exif_of_a_phone() -> Image.Exif:
    """Where and with what a picture was taken, by a phone held upright."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # turn by 90 degrees to the right
    exif[MAKER] = "Ada's phone"
    exif[GPS] = {1: "N", 2: (59.0, 20.0, 3.0)}
    return exif


def colour_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def png_header(width: int, height: int) -> bytes:
    """The start of a grey PNG that claims to be this large; its pixels are lacking."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    head = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + head + struct.pack(">I", 100) + b"IDAT"


# What is kept


@pytest.mark.parametrize(("image_format", "ending"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_a_picture_without_metadata_is_kept_to_the_byte(image_format, ending):
    data = make_picture(1, LANDSCAPE, image_format)

    picture = check_picture(data)

    assert picture.data == data
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert (picture.ending, picture.width, picture.height) == (ending, 40, 30)


@pytest.mark.parametrize("image_format", FORMATS)
def test_place_and_camera_are_stripped(image_format):
    data = encode(noise(), image_format, exif=exif_of_a_phone())
    assert b"Ada's phone" in data

    picture = check_picture(data)

    assert not dict(decode(picture.data).getexif())
    assert b"Ada's phone" not in picture.data


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_picture_taken_on_its_side_is_turned_upright(image_format):
    image = Image.new("RGB", LANDSCAPE, "blue")
    image.paste("red", (0, 0, 20, 30))  # the left half

    picture = check_picture(encode(image, image_format, exif=exif_of_a_phone()))

    kept = decode(picture.data).convert("RGB")
    assert kept.size == (picture.width, picture.height) == (30, 40)
    red, _green, blue = kept.getpixel((15, 5))
    assert red > 200 > 50 > blue  # what was left is now above


def test_a_comment_is_stripped():
    data = encode(noise(), "JPEG", comment=b"Ada was here")

    assert b"Ada" in data
    assert b"Ada" not in check_picture(data).data


@pytest.mark.parametrize("method", ["add_text", "add_itxt"])
def test_a_text_chunk_is_stripped_and_no_pixel_changes(method):
    text = PngInfo()
    getattr(text, method)("Author", "Ada")

    picture = check_picture(encode(noise(), "PNG", pnginfo=text))

    assert b"Ada" not in picture.data
    assert decode(picture.data).tobytes() == noise().tobytes()


def test_a_compressed_text_chunk_is_stripped():
    text = PngInfo()
    text.add_text("Author", "Ada", zip=True)
    data = encode(noise(), "PNG", pnginfo=text)
    assert b"zTXt" in data

    assert b"zTXt" not in check_picture(data).data


# Camera makers, editors and signers of provenance have segments of their own, beside EXIF and XMP.
@pytest.mark.parametrize("number", [1, 4, 11, 12, 13])
def test_a_segment_of_a_maker_is_stripped_from_a_jpeg(number):
    data = make_picture(1, LANDSCAPE, "JPEG")
    words = b"Maker\0Ada was here"
    segment = bytes([0xFF, 0xE0 + number]) + struct.pack(">H", len(words) + 2) + words

    picture = check_picture(data[:2] + segment + data[2:])

    assert b"Ada" not in picture.data


def test_a_private_chunk_is_stripped_from_a_png():
    data = make_picture(1, LANDSCAPE)
    body = b"prVtAda was here"
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))

    picture = check_picture(data[:33] + chunk + data[33:])  # behind the header

    assert b"Ada" not in picture.data


def test_an_unknown_chunk_is_stripped_from_a_webp():
    data = make_picture(1, LANDSCAPE, "WEBP")
    chunk = b"MINE" + struct.pack("<I", 12) + b"Ada was here"
    size = struct.pack("<I", len(data) - 8 + len(chunk))

    picture = check_picture(data[:4] + size + data[8:] + chunk)

    assert b"Ada" not in picture.data


@pytest.mark.parametrize("image_format", FORMATS)
def test_what_follows_the_picture_is_not_kept(image_format):
    data = make_picture(1, LANDSCAPE, image_format)

    picture = check_picture(data + b"a film with its place, as phones append it")

    assert b"its place" not in picture.data


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_a_second_picture_that_follows_the_first_is_not_kept(image_format):
    with_place = encode(noise(), image_format, exif=exif_of_a_phone())

    picture = check_picture(make_picture(1, LANDSCAPE, image_format) + with_place)

    assert b"Ada's phone" not in picture.data


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_colour_profile_survives_the_stripping(image_format):
    profile = colour_profile()

    picture = check_picture(encode(noise(), image_format, exif=exif_of_a_phone(), icc_profile=profile))

    assert decode(picture.data).info.get("icc_profile") == profile


def test_transparency_survives_the_stripping():
    image = noise().convert("RGBA")
    image.putalpha(100)

    picture = check_picture(encode(image, "PNG", exif=exif_of_a_phone()))

    assert decode(picture.data).getchannel("A").getextrema() == (100, 100)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK"])
def test_pictures_that_are_not_rgb_are_taken_too(mode):
    image_format = "JPEG" if mode == "CMYK" else "PNG"

    picture = check_picture(encode(noise().convert(mode), image_format, exif=exif_of_a_phone()))

    assert decode(picture.data).mode == mode


def test_a_photograph_that_carries_a_second_one_is_taken_as_a_jpeg():
    # Many phones write an MPO: a JPEG with, say, a depth map behind it.
    data = encode(noise(), "MPO", save_all=True, append_images=[noise()])

    picture = check_picture(data)

    assert (picture.ending, picture.width, picture.height) == ("jpg", 40, 30)


def test_a_small_picture_needs_no_thumbnail():
    assert check_picture(make_picture(1, (320, 200))).thumbnail is None


def test_a_larger_picture_gets_a_thumbnail_of_its_shape():
    thumbnail = check_picture(make_picture(1, (640, 400))).thumbnail

    assert decode(thumbnail).size == (320, 200)
    assert decode(thumbnail).format == "PNG"


def test_a_thumbnail_stands_upright_and_tells_no_place():
    data = encode(noise((640, 400)), "JPEG", exif=exif_of_a_phone())

    thumbnail = check_picture(data).thumbnail

    assert decode(thumbnail).size == (200, 320)
    assert not dict(decode(thumbnail).getexif())


def test_a_picture_as_large_as_the_page_shows_needs_no_other_to_label_by():
    assert check_picture(make_picture(1, (1600, 8))).display is None


def test_a_larger_one_gets_one_of_its_shape_to_label_by():
    picture = check_picture(make_picture(1, (1604, 802), "JPEG"))

    assert decode(picture.display).size == (1280, 640)
    assert decode(picture.thumbnail).size == (320, 160)
    assert (picture.width, picture.height) == (1604, 802)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_pictures_of_every_kind_of_png_get_a_thumbnail(mode):
    image = noise((640, 400)).convert("L").convert(mode)

    assert decode(check_picture(encode(image, "PNG")).thumbnail).size == (320, 200)


def test_a_thumbnail_of_a_palette_keeps_what_is_clear():
    image = Image.new("P", (640, 400), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 0, 320, 400))

    thumbnail = decode(check_picture(encode(image, "PNG", transparency=0)).thumbnail)

    assert thumbnail.getpixel((10, 10)) == (0, 0, 255, 255)
    assert thumbnail.getpixel((310, 10))[3] == 0


def test_a_picture_and_its_smaller_copy_look_alike_and_another_does_not():
    photograph = noise((16, 12)).resize((640, 480), Image.Resampling.BICUBIC)
    other = decode(make_picture(2, (16, 12))).resize((640, 480), Image.Resampling.BICUBIC)

    first, smaller, stranger = (
        check_picture(data).perceptual_hash
        for data in (
            encode(photograph, "PNG"),
            encode(photograph.resize((400, 300)), "JPEG", quality=50),
            encode(other, "PNG"),
        )
    )

    assert (first ^ smaller).bit_count() <= NEAR < (first ^ stranger).bit_count()


# What is refused


@pytest.mark.parametrize("data", [b"", b"a votes file", b"<html><svg></svg></html>"])
def test_what_is_no_picture_is_refused_with_its_first_bytes(data):
    with pytest.raises(PictureError) as refusal:
        check_picture(data)

    assert (
        str(refusal.value) == f"Expected a JPEG, PNG or WebP picture; found bytes that begin {data[:12]!r}."
    )


@pytest.mark.parametrize(
    "before", [b"", b"\xef\xbb\xbf\n", b'<?xml version="1.0"?>\n<!-- by Ada -->\n<!DOCTYPE svg>\n']
)
def test_a_drawing_is_refused_in_words_of_its_own(before):
    drawing = before + b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

    with pytest.raises(PictureError, match="found an SVG drawing, which may carry programs"):
        check_picture(drawing)


@pytest.mark.parametrize("image_format", ["GIF", "BMP", "TIFF"])
def test_a_picture_of_another_format_is_refused(image_format):
    with pytest.raises(PictureError, match="Expected a JPEG, PNG or WebP picture; found bytes that begin"):
        check_picture(encode(noise(), image_format))


@pytest.mark.parametrize("image_format", FORMATS)
def test_half_a_picture_is_refused(image_format):
    data = make_picture(1, LANDSCAPE, image_format)

    with pytest.raises(PictureError, match="Expected a whole picture; found"):
        check_picture(data[: len(data) // 2])


def test_three_pixels_are_too_few_and_four_are_enough():
    assert check_picture(make_picture(1, (4, 40))).width == 4

    with pytest.raises(PictureError, match="Expected at least 4 pixels a side; found 3 x 40"):
        check_picture(make_picture(1, (3, 40)))


def test_a_picture_of_one_pixel_is_refused():
    with pytest.raises(PictureError, match="Expected at least 4 pixels a side; found 1 x 1"):
        check_picture(make_picture(1, (1, 1)))


def test_too_many_pixels_are_refused_before_they_are_decoded():
    with pytest.raises(PictureError, match="Expected at most 50,000,000 pixels; found 8000 x 6251"):
        check_picture(png_header(8000, 6251))


def test_as_many_pixels_as_allowed_are_not_too_many():
    with pytest.raises(PictureError, match="Expected a whole picture"):  # for there is only a header
        check_picture(png_header(8000, 6250))


def test_a_bomb_is_refused():
    with pytest.raises(PictureError, match="at most 50,000,000 pixels"):
        check_picture(png_header(50_000, 50_000))


def test_too_many_bytes_are_refused_unread(monkeypatch):
    data = make_picture(1, LANDSCAPE)
    monkeypatch.setattr("labeling.pictures.MAX_BYTES", len(data))
    assert check_picture(data).data == data

    with pytest.raises(PictureError, match=r"Expected at most 0 MiB; found 0\.0 MiB"):
        check_picture(data + b".")


def test_damaged_exif_is_stripped_and_the_picture_is_taken():
    # The orientation as it should be; the resolution, a fraction, is written as a word.
    entries = struct.pack("<HHIHH", ORIENTATION, 3, 1, 6, 0) + struct.pack("<HHI4s", 0x011A, 2, 4, b"abc\0")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)

    picture = check_picture(encode(noise(), "JPEG", exif=exif))

    assert not dict(decode(picture.data).getexif())


# Laws


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(FORMATS), st.integers(1, 8), st.integers(4, 40), st.integers(4, 40))
def test_what_is_kept_would_be_kept_again_to_the_byte(image_format, orientation, width, height):
    exif = exif_of_a_phone()
    exif[ORIENTATION] = orientation

    picture = check_picture(encode(noise((width, height)), image_format, exif=exif))

    again = check_picture(picture.data)
    # A photograph that is written anew looks the same, but not to the last bit.
    assert replace(again, perceptual_hash=picture.perceptual_hash) == picture
    assert {picture.width, picture.height} == {width, height}


@settings(max_examples=150, deadline=None, derandomize=True)  # the same damage each time
@given(st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4))
def test_damaged_bytes_are_a_picture_or_a_refusal_and_nothing_else(image_format, changes):
    damaged = bytearray(encode(noise((12, 9)), image_format))
    for place, byte in changes:
        damaged[place % len(damaged)] = byte

    with suppress(PictureError):
        picture = check_picture(bytes(damaged))

        assert decode(picture.data).size == (picture.width, picture.height)
