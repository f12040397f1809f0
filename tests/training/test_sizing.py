import pytest

from labeling.intake import IncomingPicture, add_pictures
from tests.factories import freeze_all, make_picture, make_settled_collection
from training.sizing import usual_size_px


@pytest.mark.parametrize(
    ("side", "size_px"),
    [(8, 16), (16, 16), (20, 16), (21, 32), (32, 32), (64, 32), (65, 64), (160, 64), (161, 128), (4000, 128)],
)
def test_larger_pictures_are_seen_larger(side, size_px):
    assert usual_size_px([side]) == size_px


def test_the_middle_picture_decides():
    # Of two in the middle, the smaller one.
    assert usual_size_px([8, 8, 500, 500]) == 16
    assert usual_size_px([8, 300, 500]) == 128


def test_without_pictures_the_smallest_size_is_usual():
    assert usual_size_px([]) == 16


@pytest.mark.django_db
def test_a_snapshot_tells_the_shorter_sides_of_its_collections_pictures():
    collection = make_settled_collection(6)
    add_pictures(collection, [IncomingPicture("wide.png", make_picture(size=(90, 40)))], source="a test")

    assert freeze_all(collection).sides() == [8] * 6 + [40]
