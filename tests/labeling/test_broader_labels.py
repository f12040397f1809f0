"""What becomes of a picture whose votes say inner nouns: at once, and by a refit of all votes."""

import pytest

from datasets.freezing import NothingToFreezeError
from labeling import aggregation, overview, people, reopening, tallying
from labeling.models import Choices, Collection, Lease, Question, Skill, Vote
from taxonomy.models import Tally
from tests.factories import freeze_all, make_user
from tests.labeling.trees import make_menagerie, noun, vote

pytestmark = pytest.mark.django_db


def votes(collection, *names):
    """Have different people say these nouns of one picture; return it as it is then."""
    question = None
    for name in names:
        question = vote(collection, name)
    return question


def answer(question):
    return question.label.name, question.state


def four_votes(**fields):
    return make_menagerie(max_votes=4, **fields)


# At once


def test_a_picture_that_everybody_says_is_a_dog_is_one():
    question = votes(four_votes(), "dog", "dog")

    assert answer(question) == ("dog", "settled")
    # Of two classes in four, 81 to 1: see test_coarse.
    assert question.confidence == pytest.approx(162 / 164)
    assert question.open_places == 0


def test_where_one_sees_more_than_the_other_a_third_person_is_asked():
    question = votes(four_votes(), "dog", "husky")

    assert (question.state, question.open_places) == ("open", 1)


def test_breeds_that_people_say_win_over_a_dog_of_an_unknown_breed():
    assert answer(votes(four_votes(), "dog", "husky", "husky")) == ("husky", "settled")


def test_what_people_cannot_agree_on_is_what_they_agree_on_above_it_once_nobody_else_is_asked():
    collection = four_votes()

    assert votes(collection, "husky", "corgi", "husky").state == "open"
    assert answer(vote(collection, "corgi")) == ("dog", "settled")


def test_what_has_nothing_below_the_root_in_common_is_given_up():
    assert votes(four_votes(), "husky", "cat", "cat", "husky").state == "undecided"


def test_one_who_cannot_tell_has_others_asked():
    collection = four_votes()

    assert votes(collection, "dog", "dog")
    Question.objects.update(state="open", open_places=1)
    assert vote(collection, None).state == "open"
    assert answer(vote(collection, "dog")) == ("dog", "settled")


def test_a_vote_taken_back_has_an_inner_noun_asked_again():
    collection, annotator = four_votes(), make_user()
    vote(collection, "dog")
    [lease] = Lease.objects.hand_out(collection, annotator, 1)
    cast = lease.cast(noun("dog"))

    Lease.objects.take_back(annotator, cast.lease_number)

    assert Question.objects.get().state == "open"


def test_votes_for_classes_take_the_same_queries_with_inner_nouns_and_without(django_assert_max_num_queries):
    collection = make_menagerie(n_questions=3)
    vote(collection, "husky")  # what is read once for all
    [lease] = Lease.objects.hand_out(collection, make_user(), 1)

    def n_queries(name):
        with django_assert_max_num_queries(20) as queries:
            lease.cast(noun(name))
        return len(queries)

    fine = n_queries("husky")
    [lease] = Lease.objects.hand_out(collection, make_user(), 1)
    assert n_queries("dog") == fine


# By a refit


def test_a_refit_says_what_the_votes_said_at_once():
    collection = make_menagerie(n_questions=3, max_votes=4)
    for _ in range(3):
        votes(collection, "dog", "dog")
    before = {q.pk: (q.label, q.state) for q in Question.objects.all()}

    aggregation.refit(collection)

    assert {q.pk: (q.label, q.state) for q in Question.objects.all()} == before
    assert set(before.values()) == {(noun("dog"), "settled")}


def test_a_refit_falls_back_on_what_people_agree_on_above_what_they_said():
    collection = four_votes()
    votes(collection, "husky", "corgi", "husky", "corgi")
    Question.objects.update(label=None, state="open", open_places=1)

    aggregation.refit(collection)

    question = Question.objects.select_related("label").get()
    assert (*answer(question), question.open_places) == ("dog", "settled", 0)
    assert question.confidence > 0.9


def test_a_refit_learns_that_who_said_dog_of_cats_is_not_to_be_trusted():
    collection = make_menagerie(n_questions=12, min_votes=4, max_votes=9)
    rogue, crowd = make_user(), [make_user() for _ in range(3)]
    for annotator, name in [*((each, "cat") for each in crowd), (rogue, "dog")]:
        for lease in Lease.objects.hand_out(collection, annotator, 12):
            lease.cast(noun(name))

    aggregation.refit(collection)

    skills = {skill.annotator: skill.mean for skill in Skill.objects.select_related("annotator")}
    assert skills[rogue] < 0.5 < min(skills[each] for each in crowd)


def test_votes_for_inner_nouns_become_labels_behind_the_classes():
    collection = four_votes()
    votes(collection, "canine", "dog", "husky")
    choices = Choices.now(collection)

    arrays, _keys, counts = Vote.objects.as_arrays(
        collection, [s.pk for s in choices.synsets], choices.becomes, choices.broader
    )

    assert sorted(arrays.label.tolist()) == [0, 4, 5]
    assert counts.answers.tolist() == [3]


# What reads labels


def test_a_snapshot_leaves_out_pictures_whose_class_nobody_could_tell():
    collection = make_menagerie(n_questions=2, max_votes=4)
    votes(collection, "dog", "dog", "husky", "husky")
    husky = Question.objects.get(label=noun("husky"))
    assert Question.objects.filter(label=noun("dog"), state="settled").count() == 1

    snapshot = freeze_all(collection)

    assert snapshot.n_images == 1
    assert snapshot.taxonomy["classes"] == [s.wnid for s in collection.ordered_classes()]
    assert husky.image.sha256 in {row.sha256 for row in snapshot.rows()}


def test_a_collection_with_inner_nouns_alone_has_nothing_to_freeze():
    collection = four_votes()
    votes(collection, "dog", "dog")

    with pytest.raises(NothingToFreezeError):
        freeze_all(collection)


def test_a_picture_is_made_gold_by_its_class_and_not_by_an_inner_noun():
    collection = make_menagerie(n_questions=2, max_votes=4)
    votes(collection, "dog", "dog", "husky", "husky")

    collection.use_as_gold(collection.questions.values_list("pk", flat=True))

    assert [q.truth for q in collection.questions.filter(is_gold=True)] == [noun("husky")]


def test_who_says_less_than_the_answer_that_is_known_is_right():
    collection, annotator = make_menagerie(n_questions=3), make_user()
    collection.questions.update(truth=noun("husky"))

    for name in ("canine", "husky", "wolf"):
        vote(collection, name, annotator)

    found = people.accuracy(annotator)
    assert (found.n_right, found.n_known) == (2, 3)
    assert overview.report(collection).agreement.vote_accuracy == pytest.approx(2 / 3)


def test_to_say_less_than_the_label_or_more_is_to_confuse_nothing():
    collection = make_menagerie(n_questions=2, max_votes=4)
    for said in (("dog", "husky", "husky"), ("husky", "corgi", "husky", "corgi")):
        question = votes(collection, *said)
        Question.objects.filter(pk=question.pk).update(open_places=0)
    assert {q.label.name for q in Question.objects.select_related("label")} == {"husky", "dog"}

    assert overview.report(collection).confusions == []


def test_alpha_is_over_votes_for_classes():
    collection = make_menagerie(n_questions=2)
    votes(collection, "canine", "husky", "husky")
    votes(collection, "cat", "cat")

    assert overview.report(collection).agreement.alpha == pytest.approx(1)


def test_pages_of_ones_own_votes_and_of_the_collection_show_inner_nouns(client):
    collection, annotator = four_votes(), make_user()
    vote(collection, "dog", annotator)
    vote(collection, "dog")
    client.force_login(annotator)

    [mine] = people.own_votes(annotator, None)[0]

    assert (mine.outcome["label"], mine.is_as_decided) == (noun("dog"), True)
    assert "dog" in client.get(collection.get_absolute_url()).content.decode()
    assert people.place(annotator).n_agreed == 1


def test_a_picture_of_an_inner_noun_counts_at_it_and_above_it():
    votes(four_votes(), "dog", "dog")

    tallying.tally()

    tallies = dict(Tally.objects.values_list("synset__name", "n_pictures"))
    assert (tallies["dog"], tallies["canine"], "husky" in tallies) == (1, 1, False)


def test_more_votes_at_most_have_others_look_at_what_was_no_more_than_a_dog():
    collection = make_menagerie(n_questions=2, max_votes=4)
    votes(collection, "dog", "dog", "husky", "corgi", "husky", "corgi")
    assert {answer(question) for question in Question.objects.select_related("label")} == {("dog", "settled")}
    Collection.objects.update(max_votes=6)
    collection.refresh_from_db()
    effect = reopening.foretell(collection, collection.policy)

    reopening.follow(collection)

    # Of the one everybody says that it is a dog, whoever is asked.
    assert effect == reopening.Effect(n_asked_again=1)
    assert Question.objects.get(state="open").n_votes == 4
    assert reopening.foretell(collection, collection.policy) == reopening.Effect()
