import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from labeling import talking
from labeling.models import Comment, Flag, Vote
from labeling.splits import TEST, TRAIN, VAL
from tests.factories import make_collection, make_image, make_question, make_synset, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def image():
    return make_image(TRAIN)


@pytest.fixture
def person(client):
    person = make_user()
    client.force_login(person)
    return person


def make_comment(about, author=None, text="A fine one."):
    return talking.say(about, author or make_user(), Comment(text=text))


def make_moderator():
    moderator = make_user()
    moderator.groups.add(Group.objects.get(name="Moderators"))
    return moderator


def say(client, about, text="A fine one."):
    wnid = getattr(about, "wnid", None)
    name, key = ("synset-talk", wnid) if wnid else ("picture-talk", about.sha256)
    return client.post(reverse(f"labeling:{name}", args=[key]), {"text": text})


def about_page(client, image, **query):
    return client.get(image.get_about_url(), query)


def post(client, name, comment, **data):
    return client.post(reverse(f"labeling:{name}-comment", args=[comment.pk]), data)


# --- Reading and writing ----------------------------------------------------------------------------------


def test_what_somebody_says_is_under_the_picture(client, person, image):
    response = say(client, image, "It is a fox.")

    assert response["Location"] == f"{image.get_about_url()}#talk"
    assert "It is a fox." in about_page(client, image).content.decode()


def test_what_somebody_says_is_under_the_noun(client, person):
    fox = make_synset("fox")

    say(client, fox, "There are twelve kinds.")

    page = client.get(reverse("labeling:synset-talk", args=[fox.wnid])).content.decode()
    assert "There are twelve kinds." in page


def test_the_part_of_a_nouns_page_is_no_page_of_its_own(client):
    url = reverse("labeling:synset-talk", args=[make_synset("fox").wnid])

    assert "<html" in client.get(url).content.decode()
    assert "<html" not in client.get(url, headers={"HX-Request": "true"}).content.decode()


def test_talk_is_plain_text(client, person, image):
    say(client, image, "<b>bold</b>\n\nhttps://example.org/")

    page = about_page(client, image).content.decode()

    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert 'href="https://example.org/"' not in page


def test_guests_and_strangers_read_and_do_not_write(client, image):
    make_comment(image, text="It is a fox.")
    assert "It is a fox." in about_page(client, image).content.decode()
    assert say(client, image).status_code == 302

    client.force_login(User.objects.create_guest())

    assert "It is a fox." in about_page(client, image).content.decode()
    assert say(client, image).status_code == 403
    assert Comment.objects.count() == 1


@pytest.mark.parametrize("text", ["", "   \n ", "x" * 2001, "a\x00b"])
def test_a_comment_of_no_words_or_too_many_is_refused(client, person, image, text):
    response = say(client, image, text)

    assert response.context["comment_form"].errors
    assert not Comment.objects.exists()


def test_a_comment_may_have_two_thousand_characters(client, person, image):
    say(client, image, "x" * 2000)

    assert Comment.objects.get().text == "x" * 2000


def test_a_comment_is_about_one_thing(image):
    with pytest.raises(IntegrityError, match="is_about_one_thing"), transaction.atomic():
        Comment.objects.create(author=make_user(), text="Nothing.")
    with pytest.raises(IntegrityError, match="is_about_one_thing"), transaction.atomic():
        Comment.objects.create(author=make_user(), text="Both.", image=image, synset=make_synset("fox"))


@pytest.mark.parametrize("split", [VAL, TEST])
def test_talk_that_could_tell_a_label_is_for_those_who_voted(client, person, split):
    question = make_question(split=split)
    other = make_user()
    Vote.objects.create(
        question=question, annotator=other, synset=None, answer="cannot_tell", taxonomy_version=1
    )
    make_comment(question.image, other, "It is a fox.")

    assert "It is a fox." not in about_page(client, question.image).content.decode()
    assert say(client, question.image).status_code == 403

    client.force_login(other)
    assert "It is a fox." in about_page(client, question.image).content.decode()


def test_a_picture_of_the_test_split_tells_no_label(client):
    collection = make_collection(names=("wombat", "dog"))
    question = make_question(collection, split=TEST)
    question.state, question.label, question.truth = "settled", *[collection.ordered_classes()[0]] * 2
    question.save()

    page = about_page(client, question.image).content.decode()

    assert "Kept secret for a contest." in page
    assert "wombat" not in page


def test_a_settled_picture_of_the_train_split_tells_its_label(client, image):
    question = image.questions.get()
    question.state, question.label = "settled", question.collection.ordered_classes()[0]
    question.save()

    assert question.label.get_absolute_url() in about_page(client, image).content.decode()


def test_a_long_thread_goes_on_below_the_last_comment(client, image, monkeypatch):
    monkeypatch.setattr(talking, "COMMENTS", 2)
    said = [make_comment(image) for _ in range(3)]

    first = about_page(client, image).context["thread"]
    second = about_page(client, image, before=first.next_before).context["thread"]

    assert [*first.comments, *second.comments] == said[::-1]
    assert second.next_before is None


def test_a_thread_asks_as_much_for_many_as_for_one(client, person, image):
    make_comment(image)
    about_page(client, image)
    with CaptureQueriesContext(connection) as for_one:
        about_page(client, image)

    for _ in range(3):
        make_comment(image)

    with CaptureQueriesContext(connection) as for_many:
        about_page(client, image)
    assert len(for_many) == len(for_one)


# --- Taking back, flagging and hiding ---------------------------------------------------------------------


def test_only_ones_own_comment_is_deleted(client, person, image):
    mine, theirs = make_comment(image, person), make_comment(image)

    assert post(client, "delete", theirs).status_code == 404
    assert post(client, "delete", mine).status_code == 302
    assert Comment.objects.get() == theirs


def test_a_flagged_comment_is_in_the_moderators_queue(client, person, image):
    comment, _other = make_comment(image), make_comment(image)
    post(client, "flag", comment)
    client.force_login(make_moderator())

    page = client.get(reverse("labeling:flagged")).context["page"]

    assert [(each, each.n_flags) for each in page] == [(comment, 1)]


def test_a_second_flag_of_the_same_person_changes_nothing(client, person, image):
    comment = make_comment(image)

    post(client, "flag", comment)
    post(client, "flag", comment)

    assert Flag.objects.count() == 1


def test_guests_flag_nothing(client, image):
    client.force_login(User.objects.create_guest())

    assert post(client, "flag", make_comment(image)).status_code == 403


def test_who_may_not_read_a_comment_may_not_flag_it(client, person):
    image = make_image(TEST)
    comment = Comment.objects.create(author=make_user(), image=image, text="It is a fox.")

    assert post(client, "flag", comment).status_code == 404


def test_a_hidden_comment_says_why_and_nothing_else(client, image):
    comment = make_comment(image, text="You fool.")
    client.force_login(make_moderator())
    post(client, "hide", comment, hidden_reason="rude")
    assert "You fool." in about_page(client, image).content.decode()  # to who moderates

    client.logout()

    page = about_page(client, image).content.decode()
    assert "You fool." not in page
    assert "rude" in page


def test_hiding_needs_a_reason(client, image):
    comment = make_comment(image)
    client.force_login(make_moderator())

    post(client, "hide", comment, hidden_reason="  ")

    comment.refresh_from_db()
    assert comment.hidden_at is None


def test_hiding_and_showing_settle_the_flags(client, image):
    moderator = make_moderator()
    client.force_login(moderator)
    for name in ("hide", "show"):
        comment = make_comment(image)
        talking.flag(comment, make_user())
        assert comment in talking.flagged(moderator)

        post(client, name, comment, hidden_reason="rude")

        assert not talking.flagged(moderator).exists()


def test_a_hidden_comment_is_shown_again(client, image):
    comment = make_comment(image)
    comment.hide(make_moderator(), "rude")
    client.force_login(make_moderator())

    post(client, "show", comment)

    comment.refresh_from_db()
    assert (comment.hidden_at, comment.hidden_by, comment.hidden_reason) == (None, None, "")


@pytest.mark.parametrize("name", ["hide", "show"])
def test_who_moderates(client, image, name):
    comment = make_comment(image)
    stranger, owner, staff = make_user(), make_user(), make_user(is_staff=True)
    collection = image.questions.get().collection
    collection.owner = owner
    collection.save()

    for user, status in ((stranger, 403), (owner, 302), (staff, 302), (make_moderator(), 302)):
        client.force_login(user)
        assert post(client, name, comment, hidden_reason="rude").status_code == status


def test_an_owner_moderates_no_other_pictures(client, image):
    owner = make_user()
    make_collection(owner=owner)
    client.force_login(owner)

    assert post(client, "hide", make_comment(image), hidden_reason="rude").status_code == 403
    assert post(client, "hide", make_comment(make_synset("fox")), hidden_reason="rude").status_code == 403


def test_the_moderators_queue_is_theirs(client):
    url = reverse("labeling:flagged")
    assert client.get(url).status_code == 302
    client.force_login(make_user())
    assert client.get(url).status_code == 403

    client.force_login(make_moderator())

    assert client.get(url).status_code == 200
