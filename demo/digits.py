"""scikit-learn's handwritten digits as PNG files: real scans, 8 x 8 pixels of 17 greys. Pure.

Source: E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, doi:10.24432/C50P49, the test
part, CC BY 4.0.
"""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

CREDIT = "E. Alpaydin and C. Kaynak"
LICENCE = "CC BY 4.0"
N_PICTURES = 1797
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def digit_pictures() -> Iterator[tuple[str, bytes, int]]:
    """Yield (file name, PNG bytes, the digit 0..9 that was written) for each of the 1,797 scans."""
    digits = load_digits()
    for number, (pixels, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
        # Ink is high in the data; on paper it is dark.
        greys = (255 - pixels * 255 / 16).round().astype(np.uint8)  # (8, 8)
        file = io.BytesIO()
        Image.fromarray(greys).save(file, "PNG")
        yield f"digit-{number:04}.png", file.getvalue(), int(digit)
