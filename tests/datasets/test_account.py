import pytest

from datasets import wording
from datasets.account import Account, bars, nouns, read, stacked

TAXONOMY = {
    "classes": ["n1", "n2"],
    "nouns": {"n1": {"name": "cat"}, "n2": {"name": "dog"}, "n3": {"name": "animal"}},
}
CARD = {
    "by_class": {
        "n1": {"train": 6, "val": 2, "test": 2},
        "n2": {"train": 60, "val": 0, "test": 30},
    },
    "by_split": {"train": 66, "val": 2, "test": 32},
    "remainder": {"too coarse": 3, "looks alike": 4},
    "confidence": [0, 8, 60],
    "votes": {"1": 40, "20": 60},
    "licences": {"": 25, "CC0": 75},
    "n_votes": 1240,
    "agreement": {"alpha": 0.7, "share": 0.9, "by_class": {"n1": 0.5, "n2": None}},
    "annotators": {"person": 3, "guest": 1, "simulated": 0, "imported": 0, "forgotten": 0},
    "accuracy": 0.98,
    "kind": "choose",
    "policy": {"target_confidence": 0.98, "min_votes": 2, "max_votes": 10},
}
OLD = {name: CARD[name] for name in ("by_class", "by_split", "n_votes", "annotators", "policy")}


def told(card=CARD, **how) -> Account:
    return read(card, TAXONOMY, (0.9, 0.95), **how)


def test_each_noun_has_its_label_and_counts():
    cat, dog = told(tells_test=True).nouns

    assert (cat.label, cat.name, cat.counts, cat.share) == (0, "cat", (6, 2, 2), 0.5)
    assert (dog.label, dog.name, dog.counts, dog.share) == (1, "dog", (60, 0, 30), None)


def test_counts_of_test_pictures_by_noun_are_told_only_where_that_is_asked_for():
    cat, dog = told().nouns

    assert (cat.counts, dog.counts) == ((6, 2, None), (60, 0, None))
    assert cat.bars == (("train", 0, 100), ("val", 100, 33))  # of 60 in all, the most that is told
    assert told().by_split["test"] == 32


def test_a_noun_that_is_hidden_is_left_out_and_the_others_keep_their_labels():
    account = told(hidden={"n1"})

    assert [(noun.label, noun.name) for noun in account.nouns] == [(1, "dog")]
    assert (account.n_hidden, account.n_classes) == (1, 2)


def test_a_bar_ends_where_all_its_parts_end():
    drawn = stacked((1, 1, 1), 9)

    assert drawn == (("train", 0, 111), ("val", 111, 111), ("test", 222, 111))
    assert stacked((3, 3, 3), 9)[-1][1] + stacked((3, 3, 3), 9)[-1][2] == 1000


def test_parts_without_pictures_are_not_drawn():
    assert stacked((0, 5, None), 10) == (("val", 0, 500),)
    assert stacked((0, 0, 0), 10) == ()


def test_no_noun_at_all_is_no_noun():
    assert nouns({}, {}) == ()


def test_lines_are_drawn_against_the_largest_one():
    first, second = bars([("a", 3), ("b", 1)])

    assert (first.width, first.share) == (1000, 0.75)
    assert (second.width, second.share) == (333, 0.25)


def test_lines_of_nothing_have_no_share():
    assert [(bar.width, bar.share) for bar in bars([("a", 0)])] == [(0, None)]


def test_groups_of_confidence_begin_with_the_first_label():
    assert [(bar.name, bar.n) for bar in told().confidence] == [((0.9, 0.95), 8), ((0.95, None), 60)]


def test_licences_and_reasons_come_with_the_most_frequent_first():
    assert [bar.name for bar in told().licences] == ["CC0", ""]
    assert [bar.name for bar in told().remainder] == ["looks alike", "too coarse"]


def test_what_was_frozen_long_ago_lacks_what_was_not_counted_then():
    account = told(OLD)

    assert [noun.counts for noun in account.nouns] == [(6, 2, None), (60, 0, None)]
    assert (account.confidence, account.votes, account.licences, account.remainder) == ((), (), (), ())
    assert (account.alpha, account.share, account.accuracy) == (None, None, None)
    assert [noun.share for noun in account.nouns] == [None, None]


def test_the_nouns_that_people_agree_on_least_come_first_and_unknown_ones_not_at_all():
    assert [noun.name for noun in told().least_agreed] == ["cat"]


# --- In words -----------------------------------------------------------------------------------------------


def test_a_sentence_says_what_a_snapshot_is():
    assert wording.sentence(told()) == (
        "100 pictures under 2 nouns: 66 for training, 2 for validation and 32 for tests."
    )


def test_limits_follow_from_the_numbers():
    said = wording.limits(told())

    assert said == [
        "The confidence of a label is what the consensus model makes of the votes; it is no measured share of right "
        "labels.",
        "People agree little beyond chance: Krippendorff’s alpha is 0.700.",
        "40 labels rest on a single vote or none.",
        "4 pictures were left out because they look like one of a later part.",
        "3 settled pictures are in no class; the remainder says why.",
        "The licences of 25 pictures are not known.",
        "1 noun has fewer than 10 training pictures: cat.",
        "1 noun has no picture in some part: dog (validation).",
        "Nouns differ in size: the largest has 10 times as many training pictures as the smallest.",
    ]


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ({"person": 0, "guest": 0, "simulated": 9}, "No vote is a person’s"),
        ({"person": 0, "guest": 0, "imported": 9}, "No vote is a person’s"),
        ({"person": 4, "simulated": 2}, "2 of the annotators are simulated, beside 4 people."),
        ({"person": 4, "imported": 2}, "Some votes were imported"),
    ],
)
def test_whoever_is_no_person_is_named_as_a_limit(kinds, words):
    said = wording.limits(told({**CARD, "annotators": kinds}))

    assert any(limit.startswith(words) for limit in said)
    assert not any(limit.startswith(words) for limit in wording.limits(told()))


def test_that_nobody_has_checked_labels_is_named_as_a_limit():
    words = "No question with a known answer measured the labels, so nobody has checked how many are right."

    assert words in wording.limits(told({**CARD, "accuracy": None}))
    assert words not in wording.limits(told())


def test_a_sentence_names_some_nouns_and_counts_the_others():
    by_class = {f"n{i}": {"train": 1, "val": 1, "test": 1} for i in range(7)}

    listed = nouns(by_class, {wnid: f"noun {wnid}" for wnid in by_class})

    assert wording.named(listed) == "noun n0, noun n1, noun n2, noun n3, noun n4, 2 more"
    assert wording.named(listed[:1]) == "noun n0"


@pytest.mark.parametrize(
    ("alpha", "words"), [(0.5, "Below 0.667"), (0.7, "From 0.667 to 0.8"), (0.8, "From 0.8 on")]
)
def test_an_alpha_is_put_into_words(alpha, words):
    assert wording.alpha_means(alpha).startswith(words)
