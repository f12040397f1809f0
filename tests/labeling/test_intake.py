import hashlib
import io
import zlib

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image as PillowImage

from labeling import keeping
from labeling.intake import IncomingPicture, Outcome, Report, Status, add_pictures, take_in
from labeling.models import Arrival, Collection, Image, Question
from labeling.splits import SPLITS, split_of
from tests.factories import make_collection, make_photograph, make_picture

pytestmark = pytest.mark.django_db


def take(collection: Collection, *pictures: bytes | IncomingPicture, **about: str) -> Report:
    """Add pictures, named by their place from 0."""
    incoming = [
        data if isinstance(data, IncomingPicture) else IncomingPicture(str(place), data)
        for place, data in enumerate(pictures)
    ]
    return add_pictures(collection, incoming, **{"source": "a test", **about})


def outcomes(
    collection: Collection, *pictures: bytes | IncomingPicture, n_processes: int = 1
) -> list[Outcome]:
    incoming = [
        data if isinstance(data, IncomingPicture) else IncomingPicture(str(place), data)
        for place, data in enumerate(pictures)
    ]
    return list(take_in(collection, incoming, source="a test", n_processes=n_processes))


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(_data):
        raise AssertionError("a picture was decoded")

    monkeypatch.setattr(keeping, "check_picture", decode)


def test_a_picture_is_stored_under_its_hash_with_where_it_came_from():
    data = make_picture(size=(12, 9))

    take(make_collection(), data, source="a field trip", licence="CC0", credit="Ada")

    image, sha256 = Image.objects.get(), hashlib.sha256(data).hexdigest()
    assert (image.sha256, image.width, image.height) == (sha256, 12, 9)
    assert (image.source, image.licence, image.credit) == ("a field trip", "CC0", "Ada")
    with default_storage.open(image.file.name) as file:
        assert file.read() == data
    assert (image.thumbnail, image.split) == ("", split_of(sha256))
    assert (image.n_bytes, image.crc32) == (len(data), zlib.crc32(data))


def test_a_large_pictures_thumbnail_is_stored_beside_it():
    take(make_collection(), make_picture(size=(640, 400)))

    image = Image.objects.get()
    assert image.thumbnail.name == f"{image.sha256[:2]}/{image.sha256}.small.png"
    assert default_storage.size(image.thumbnail.name) < default_storage.size(image.file.name)


def test_each_picture_is_asked_about_once_and_waits_its_turn():
    report = take(make_collection(), make_picture(), make_picture())

    assert report.n_added == 2
    assert report.questions.keys() == {"0", "1"}
    for question in Question.objects.all():
        assert (question.state, question.open_places, question.n_votes) == ("waiting", 0, 0)


def test_a_known_answer_is_kept_beside_the_question_and_is_no_label():
    collection = make_collection()
    cat = collection.ordered_classes()[0]

    take(collection, IncomingPicture("tom", make_picture(), truth=cat))

    question = Question.objects.get()
    assert (question.truth, question.label) == (cat, None)


def test_a_picture_that_is_there_is_not_added_again():
    collection, data = make_collection(), make_picture()
    first = take(collection, data)

    again = take(collection, data)

    assert (first.n_added, again.n_added) == (1, 0)
    assert again.questions == first.questions
    assert (Image.objects.count(), Question.objects.count()) == (1, 1)


def test_one_picture_under_two_names_is_one_question():
    data = make_picture()

    report = take(make_collection(), data, data)

    assert report.n_added == 1
    assert report.questions == {"0": Question.objects.get().pk, "1": Question.objects.get().pk}


def test_another_collection_asks_about_the_same_picture_anew():
    data = make_picture()
    take(make_collection(), data)

    report = take(make_collection(), data)

    assert report.n_added == 1
    assert (Image.objects.count(), Question.objects.count()) == (1, 2)


def test_a_broken_picture_is_reported_by_its_name_and_the_others_go_in():
    report = take(
        make_collection(), make_picture(), IncomingPicture("notes.txt", b"buy milk"), make_picture()
    )

    [(name, why)] = report.refused
    assert name == "notes.txt"
    assert why == "Expected a JPEG, PNG or WebP picture; found bytes that begin b'buy milk'."
    assert (report.n_added, Question.objects.count()) == (2, 2)
    assert "notes.txt" not in report.questions


def test_no_pictures_are_no_work():
    assert take(make_collection()) == Report()


def test_what_came_before_a_failing_source_is_kept_by_whole_batches(monkeypatch):
    monkeypatch.setattr("labeling.intake.BATCH", 2)
    collection, pictures = make_collection(), [make_picture() for _ in range(4)]

    def a_source_that_breaks():
        yield from (IncomingPicture(str(place), data) for place, data in enumerate(pictures[:3]))
        raise OSError("the disk was pulled out")

    with pytest.raises(OSError, match="pulled out"):
        add_pictures(collection, a_source_that_breaks(), source="a test")
    assert Question.objects.count() == 2

    assert take(collection, *pictures).n_added == 2


def test_a_batch_takes_as_many_queries_for_many_pictures_as_for_few():
    def n_queries(n_pictures: int) -> int:
        collection, pictures = make_collection(), [make_picture() for _ in range(n_pictures)]
        with CaptureQueriesContext(connection) as queries:
            take(collection, *pictures)
        return len(queries)

    assert n_queries(2) == n_queries(30)


def test_a_file_says_where_it_comes_from_and_otherwise_it_is_as_all_the_others():
    own = IncomingPicture("own", make_picture(), source="a book", licence="CC BY 4.0", credit="Grace")

    take(make_collection(), own, IncomingPicture("other", make_picture()), licence="CC0", credit="Ada")

    said = Image.objects.order_by("pk").values_list("source", "licence", "credit")
    assert list(said) == [("a book", "CC BY 4.0", "Grace"), ("a test", "CC0", "Ada")]


def test_a_picture_too_large_for_the_page_has_one_to_label_by():
    take(make_collection(), make_picture(size=(1700, 20), image_format="JPEG"))

    image = Image.objects.get()
    assert image.display.name == f"{image.sha256[:2]}/{image.sha256}.display.jpg"
    assert default_storage.size(image.display.name) < default_storage.size(image.file.name)


def test_what_became_of_each_file_is_said_in_their_order():
    collection, data = make_collection(), make_picture()
    take(collection, data)

    found = outcomes(
        collection, data, b"buy milk", make_picture(), IncomingPicture("link", None, refusal="Not followed.")
    )

    assert [o.status for o in found] == [Status.THERE, Status.REFUSED, Status.ADDED, Status.REFUSED]
    assert found[3] == Outcome("link", Status.REFUSED, "Not followed.")
    assert found[2].sha256 == Image.objects.get(pk=Question.objects.get(pk=found[2].question).image_id).sha256


def test_a_file_without_a_byte_is_refused():
    [found] = outcomes(make_collection(), b"")

    assert found.why == "Expected a JPEG, PNG or WebP picture; found bytes that begin b''."


def test_several_processes_do_what_one_does():
    alone, together = make_collection(), make_collection()
    pictures = [make_picture(size=(400, 300)) for _ in range(20)] + [b"buy milk"]

    one = outcomes(alone, *pictures)
    Image.objects.all().delete()
    several = outcomes(together, *pictures, n_processes=2)

    assert [(o.name, o.status, o.why, o.sha256) for o in several] == [
        (o.name, o.status, o.why, o.sha256) for o in one
    ]
    for image in Image.objects.all():
        assert default_storage.exists(image.file.name)
        assert default_storage.exists(image.thumbnail.name)


def test_a_failing_source_stops_the_other_processes_and_repeating_goes_on():
    collection, pictures = make_collection(), [make_picture() for _ in range(20)]

    def a_source_that_breaks():
        yield from (IncomingPicture(str(place), data) for place, data in enumerate(pictures[:18]))
        raise OSError("the disk was pulled out")

    with pytest.raises(OSError, match="pulled out"):
        list(take_in(collection, a_source_that_breaks(), source="a test", n_processes=2))

    outcomes(collection, *pictures, n_processes=2)
    assert Question.objects.count() == 20


def test_a_picture_that_is_there_is_not_decoded_again(monkeypatch):
    collection, data = make_collection(), make_picture()
    take(collection, data)
    forbid_decoding(monkeypatch)

    [again] = outcomes(collection, data)

    assert again.status == Status.THERE


def test_a_picture_that_is_kept_without_its_metadata_is_not_decoded_again_either(monkeypatch):
    collection, data = make_collection(), make_picture(image_format="JPEG") + b"a film behind it"
    [first] = outcomes(collection, data)
    assert Arrival.objects.get().sha256 == hashlib.sha256(data).hexdigest() != first.sha256
    forbid_decoding(monkeypatch)

    [again] = outcomes(collection, data)

    assert (again.status, again.sha256) == (Status.THERE, first.sha256)


def test_the_noted_size_is_that_of_the_file_as_it_is_kept():
    take(make_collection(), make_picture(image_format="JPEG") + b"a film behind it")

    image = Image.objects.get()
    with default_storage.open(image.file.name) as file:
        kept = file.read()
    assert (image.n_bytes, image.crc32) == (len(kept), zlib.crc32(kept))


def test_many_bytes_make_a_batch_as_many_pictures_do(monkeypatch):
    collection, pictures = make_collection(), [make_picture() for _ in range(6)]
    monkeypatch.setattr("labeling.intake.BATCH_BYTES", 2 * len(pictures[0]))
    with CaptureQueriesContext(connection) as queries:
        take(collection, *pictures)

    assert sum('INTO "labeling_image"' in query["sql"] for query in queries) == 3


# Near duplicates


def test_a_scaled_copy_is_taken_in_and_said_to_look_like_the_first():
    collection = make_collection()
    [first] = outcomes(collection, make_photograph(1, (400, 300)))

    found = outcomes(collection, make_photograph(1, (300, 225)), make_photograph(2, (400, 300)))

    assert [(o.status, o.near) for o in found] == [("added", (first.sha256,)), ("added", ())]


def test_two_copies_that_come_together_look_like_each_other():
    first, second = outcomes(
        make_collection(), make_photograph(1, (400, 300)), make_photograph(1, (300, 225))
    )

    assert (first.near, second.near) == ((second.sha256,), (first.sha256,))


@pytest.mark.parametrize("is_withdrawn", [True, False])
def test_what_another_collection_has_or_what_was_withdrawn_is_not_named(is_withdrawn):
    collection = make_collection()
    outcomes(collection if is_withdrawn else make_collection(), make_photograph(1, (400, 300)))
    if is_withdrawn:
        Image.objects.update(withdrawn_at=timezone.now())

    [found] = outcomes(collection, make_photograph(1, (300, 225)))

    assert found.near == ()


def two_sizes() -> tuple[bytes, bytes]:
    """Two sizes of one photograph whose hashes say different splits, the earlier part first."""
    for seed in range(1000):
        both = [make_photograph(seed, (width, 3 * width // 4)) for width in (400, 300)]
        first, second = sorted(both, key=lambda data: SPLITS.index(alone(data)))
        if alone(first) != alone(second):
            return first, second
    raise AssertionError("no two sizes of a thousand photographs have two splits")


def alone(data: bytes) -> str:
    """The split of a picture that looks like no other."""
    return split_of(hashlib.sha256(data).hexdigest())


def splits_of(*pictures: bytes) -> list[str]:
    return [Image.objects.get(sha256=hashlib.sha256(data).hexdigest()).split for data in pictures]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_scaled_copy_goes_where_the_first_is(order):
    first, second = (two_sizes()[i] for i in order)
    take(make_collection(), first)

    take(make_collection(), second)

    assert splits_of(first, second) == [alone(first)] * 2


def test_a_copy_of_what_was_withdrawn_goes_where_that_is():
    first, second = two_sizes()
    take(make_collection(), first)
    Image.objects.get().withdraw()

    take(make_collection(), second)

    assert splits_of(second) == [alone(first)]


def test_copies_that_come_together_go_where_the_smaller_hash_says():
    both = two_sizes()

    take(make_collection(), *both)

    smaller = min(both, key=lambda data: hashlib.sha256(data).hexdigest())
    assert splits_of(*both) == [alone(smaller)] * 2


def test_what_comes_together_with_a_copy_of_what_is_there_goes_where_its_own_hash_says():
    first, second = two_sizes()
    other = make_picture()
    take(make_collection(), first)

    take(make_collection(), second, other)

    assert splits_of(second, other) == [alone(first), alone(other)]


def test_plain_pictures_go_each_where_its_own_hash_says():
    plain = [make_plain(side) for side in range(20, 40)]

    take(make_collection(), *plain)

    assert splits_of(*plain) == [alone(data) for data in plain]
    assert len(set(splits_of(*plain))) > 1


def test_a_plain_picture_looks_like_no_other():
    plain = [IncomingPicture(str(side), make_plain(side)) for side in (20, 30)]

    assert [o.near for o in outcomes(make_collection(), *plain)] == [(), ()]


def make_plain(side: int) -> bytes:
    file = io.BytesIO()
    PillowImage.new("RGB", (side, side), "teal").save(file, "PNG")
    return file.getvalue()
