import pytest
from django.utils import translation

from accounts.templatetags.figures import percent


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (None, "–"),
        ("", "–"),
        (0, "0.0&nbsp;%"),
        (0.1234, "12.3&nbsp;%"),
        (0.9994, "99.9&nbsp;%"),
        (0.9996, "&gt;&nbsp;99.9&nbsp;%"),  # just short of all is not all
        (1.0, "100&nbsp;%"),
    ],
)
def test_a_fraction_is_read_as_percent(share, words):
    assert percent(share) == words


def test_decimals_stand_behind_what_the_reader_writes_before_them():
    with translation.override("de"):
        assert percent(0.1234) == "12,3&nbsp;%"
