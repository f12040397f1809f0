"""A sentence of code that knows no reader -> the same sentence in the reader's language.

Pure modules, workers and the ledger of the taxonomy write plain English with f-strings, which is logged, stored and
compared as it is. config/sentences.py has the patterns of these sentences, and the catalogues their translations; a
text is matched with the patterns, and what stood in the gaps is put into the translation. So rows of years ago are
read in languages that came later, and no code has to carry its sentences as keys and values. Choice and limits:
docs/decisions/0032-sentences-told-again.md.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import get_language, gettext

from config.sentences import SENTENCES

GAP = re.compile(r"\{(\w+)\}")
LEAST_LETTERS = 4  # in all of a pattern; one with fewer would fit anything
# Between a place and what is wrong there, and between what is wrong at one place.
SEAMS = (": ", "; ")
MOST_SEAMS = 4  # that are looked at in one line
MOST_LETTERS = 1000  # of a line that is looked at, so that no text takes long


@dataclass(frozen=True, slots=True)
class Pattern:
    """A sentence with gaps. words: what stands before, between and after them; n_letters: of all words."""

    sentence: str
    gaps: tuple[str, ...]
    words: tuple[str, ...]
    n_letters: int

    @classmethod
    def of(cls, sentence: str) -> "Pattern":
        pieces = GAP.split(sentence)  # words, gap, words, gap, words
        n_letters = sum(map(str.isalpha, "".join(pieces[::2])))
        return cls(sentence, tuple(pieces[1::2]), tuple(pieces[::2]), n_letters)

    def match(self, text: str) -> dict[str, str] | None:
        """Return what stands in the gaps of a text; None if it is another sentence.

        Each gap ends where the words after it first stand, and none is tried again, so that no text takes long.
        """
        if not self.gaps:
            return {} if text == self.sentence else None
        if not (text.startswith(self.words[0]) and text.endswith(self.words[-1])):
            return None
        places, end = [(0, len(self.words[0]))], len(text) - len(self.words[-1])
        for words in self.words[1:-1]:
            start = text.find(words, places[-1][1], end)
            if start < 0:
                return None
            places.append((start, start + len(words)))
        places.append((end, len(text)))
        if end < places[-2][1]:
            return None
        found = [text[before[1] : after[0]] for before, after in pairwise(places)]
        return dict(zip(self.gaps, found, strict=True))


@cache
def _patterns() -> list[Pattern]:
    """Return all of them, those first that say most in words of their own."""
    found = [each for each in map(Pattern.of, SENTENCES) if each.n_letters >= LEAST_LETTERS]
    return sorted(found, key=lambda each: each.n_letters, reverse=True)


def is_in_english() -> bool:
    """Say whether the reader's language is that of the code."""
    return get_language() in (None, settings.LANGUAGE_CODE)


def retold(text: str) -> str | None:
    """Return the text in the reader's language, line by line as far as it is known; None if nothing of it is."""
    if is_in_english():
        return text
    lines = text.split("\n")
    told = [_line(line, get_language()) for line in lines]
    if not any(told):
        return None
    return "\n".join(new.text if new else line for new, line in zip(told, lines, strict=True))


def told(error: object) -> str:
    """Return what an error says in the reader's language where that is known, else as it says it."""
    return retold(str(error)) or str(error)


class Telling(NamedTuple):
    """A text in another language. n_letters: of the words that patterns knew, those in gaps included."""

    n_letters: int
    text: str


# Kept, so that what can be cut in many ways is looked at once.
@lru_cache(maxsize=1000)
def _line(text: str, language: str) -> Telling | None:
    """Tell a line in the way that knows most of its words."""
    if len(text) > MOST_LETTERS:
        return None
    ways = [_sentence(text, language), *(_behind(cut, language) for cut in _cuts(text))]
    return max(filter(None, ways), key=_letters, default=None)


def _letters(telling: Telling) -> int:
    return telling.n_letters


def _sentence(text: str, language: str) -> Telling | None:
    """Tell what is one sentence, or the half of one with a full stop after it."""
    whole = _match(text, language)
    half = _match(text[:-1], language) if text.endswith(".") else None
    ways = (whole, half and Telling(half.n_letters, f"{half.text}."))
    return max(filter(None, ways), key=_letters, default=None)


def _match(text: str, language: str) -> Telling | None:
    for pattern in _patterns():
        found = pattern.match(text)
        if found is not None and (words := gettext(pattern.sentence)) != pattern.sentence:
            return _filled(pattern.n_letters, words, found, language)
    return None


def _filled(n_letters: int, words: str, found: dict[str, str], language: str) -> Telling:
    """Put into a translation what stood in the gaps, which may be sentences or halves of them too."""
    inner = {gap: _line(text, language) or Telling(0, text) for gap, text in found.items()}
    n_letters += sum(each.n_letters for each in inner.values())
    return Telling(n_letters, GAP.sub(lambda gap: inner[gap[1]].text, words))


def _cuts(text: str) -> Iterator[tuple[str, str, str]]:
    for seam in SEAMS:
        at = -1
        for _ in range(min(text.count(seam), MOST_SEAMS)):
            at = text.index(seam, at + 1)
            yield text[:at], seam, text[at + len(seam) :]


def _behind(cut: tuple[str, str, str], language: str) -> Telling | None:
    """Tell what stands behind a place or after another thing, and that too if it is known."""
    before, seam, after = cut
    second = _sentence(after, language)
    if second is None:
        return None
    first = _sentence(before, language) or Telling(0, before)
    return Telling(first.n_letters + second.n_letters, f"{first.text}{seam}{second.text}")
