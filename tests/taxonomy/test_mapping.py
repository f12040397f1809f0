from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.mapping import Matching, match
from taxonomy.records import ExternalId, Lemma, SynsetRecord

OLD = ExternalId("wordnet", "3.0", "02084071-n")
NEW = ExternalId("wordnet", "3.1", "02086723-n")


def noun(wnid, *keys, ids=()):
    """Make a noun of a word for each key; an empty key is a word without one."""
    return SynsetRecord(
        wnid, tuple(Lemma("word", 1, key) for key in keys or [""]), (), "", external_ids=tuple(ids)
    )


def known(nouns):
    """What is here: external id -> wnid, and key -> wnids."""
    keys = defaultdict(set)
    for record in nouns:
        for lemma in record.lemmas:
            keys[lemma.key].add(record.wnid)
    return {i: record.wnid for record in nouns for i in record.external_ids}, dict(keys)


def matched(records, nouns):
    return match(records, *known(nouns))


def test_an_external_id_says_which_noun_it_is():
    assert matched([noun("n1", ids=[OLD])], [noun("n7", ids=[NEW, OLD])]) == Matching(by_id={"n1": "n7"})


def test_its_own_wnid_says_nothing():
    assert matched([noun("n1", ids=[NEW])], [noun("n1", ids=[OLD])]) == Matching(new=["n1"])


def test_another_release_of_the_same_id_is_another_noun():
    other = ExternalId("wordnet", "3.1", OLD.id)

    assert matched([noun("n1", ids=[other])], [noun("n7", ids=[OLD])]) == Matching(new=["n1"])


def test_without_an_id_a_key_says_it():
    assert matched([noun("n1", "dog")], [noun("n7", "dog", "hound")]) == Matching(by_key={"n1": "n7"})


def test_an_id_counts_before_keys():
    nouns = [noun("n7", ids=[OLD]), noun("n8", "dog")]

    assert matched([noun("n1", "dog", ids=[OLD])], nouns) == Matching(by_id={"n1": "n7"})


def test_of_two_nouns_it_is_the_one_that_shares_more_keys():
    nouns = [noun("n7", "dog"), noun("n8", "hound", "cur")]

    assert matched([noun("n1", "dog", "hound", "cur")], nouns) == Matching(by_key={"n1": "n8"})


def test_two_nouns_that_share_as_much_are_left_to_people():
    nouns = [noun("n8", "dog"), noun("n7", "hound"), noun("n9", "wolf")]

    assert matched([noun("n1", "dog", "hound")], nouns) == Matching(ambiguous={"n1": ("n7", "n8")})


def test_of_two_records_the_noun_is_the_one_that_shares_more_keys():
    records = [noun("n1", "dog"), noun("n2", "hound", "cur")]

    assert matched(records, [noun("n7", "dog", "hound", "cur")]) == Matching(
        by_key={"n2": "n7"}, ambiguous={"n1": ("n7",)}
    )


def test_two_records_that_claim_as_much_are_left_to_people():
    records = [noun("n1", "dog"), noun("n2", "hound")]

    assert matched(records, [noun("n7", "dog", "hound")]) == Matching(
        ambiguous={"n1": ("n7",), "n2": ("n7",)}
    )


def test_a_record_of_two_minds_still_keeps_a_weaker_claim_out():
    records = [noun("n1", "dog", "hound", "cat", "puss"), noun("n2", "cur")]
    nouns = [noun("n7", "dog", "hound", "cur"), noun("n8", "cat", "puss")]

    assert matched(records, nouns) == Matching(ambiguous={"n1": ("n7", "n8"), "n2": ("n7",)})


def test_a_record_that_is_another_noun_claims_no_second():
    records = [noun("n1", "dog", "cat", "puss"), noun("n2", "dog")]
    nouns = [noun("n7", "dog"), noun("n8", "cat", "puss")]

    assert matched(records, nouns) == Matching(by_key={"n1": "n8", "n2": "n7"})


def test_a_noun_that_an_id_names_is_not_claimed_by_keys():
    records = [noun("n1", ids=[OLD]), noun("n2", "dog")]

    assert matched(records, [noun("n7", "dog", ids=[OLD])]) == Matching(by_id={"n1": "n7"}, new=["n2"])


def test_two_records_of_one_id_are_left_to_people():
    records = [noun("n1", ids=[OLD]), noun("n2", ids=[NEW]), noun("n3", "dog")]

    assert matched(records, [noun("n7", "dog", ids=[OLD, NEW])]) == Matching(
        ambiguous={"n1": ("n7",), "n2": ("n7",)}, new=["n3"]
    )


def test_ids_of_two_nouns_are_left_to_people():
    nouns = [noun("n8", ids=[OLD]), noun("n7", ids=[NEW])]

    assert matched([noun("n1", ids=[OLD, NEW])], nouns) == Matching(ambiguous={"n1": ("n7", "n8")})


def test_words_without_keys_share_nothing():
    assert matched([noun("n1", "", "")], [noun("n7", "", "")]) == Matching(new=["n1"])


def test_a_key_of_two_words_counts_once():
    # WordNet's Earth and earth are two words of one noun, with one key.
    nouns = [noun("n7", "earth", "earth"), noun("n8", "globe", "world")]

    assert matched([noun("n1", "earth", "earth", "globe", "world")], nouns) == Matching(by_key={"n1": "n8"})


@pytest.mark.parametrize("nouns", [[], [noun("n7", "dog", ids=[OLD])]])
def test_no_records_match_nothing(nouns):
    assert matched([], nouns) == Matching()


KEYS = st.lists(st.sampled_from("abcdef"), max_size=4)
IDS = st.lists(st.builds(ExternalId, st.just("x"), st.just(""), st.sampled_from("1234")), max_size=2)
NOUNS = st.lists(st.tuples(KEYS, IDS), max_size=6).map(
    lambda drawn: [noun(f"n{i}", *keys, ids=ids) for i, (keys, ids) in enumerate(drawn)]
)


@given(NOUNS, NOUNS)
def test_each_record_has_one_answer_and_no_two_are_the_same_noun(records, nouns):
    found = matched(records, nouns)

    answers = [*found.by_id, *found.by_key, *found.ambiguous, *found.new]
    same = [*found.by_id.values(), *found.by_key.values()]
    assert sorted(answers) == sorted(record.wnid for record in records)
    assert len(same) == len(set(same))


@given(NOUNS, NOUNS)
def test_the_order_of_the_records_does_not_matter(records, nouns):
    one, other = matched(records, nouns), matched(records[::-1], nouns)

    assert (one.by_id, one.by_key, one.ambiguous) == (other.by_id, other.by_key, other.ambiguous)
    assert one.new == other.new[::-1]


@given(NOUNS)
def test_nouns_with_an_id_each_are_themselves(nouns):
    nouns = [noun(n.wnid, ids=[ExternalId("x", "", n.wnid)]) for n in nouns]

    assert matched(nouns, nouns) == Matching(by_id={n.wnid: n.wnid for n in nouns})
