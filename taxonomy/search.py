"""What somebody typed into a search for nouns -> what it asks of a word and of a gloss."""

import re
from dataclasses import dataclass
from typing import Self

from django.db.models import Q

SENSE_NAME = re.compile(r"(?P<text>.+)\.n\.(?P<sense>\d{1,4})")
LONGEST = 100  # characters; no word of WordNet has more
MOST_WORDS = 8
WORD = re.compile(r"\w\w+")
# Most glosses have some of these, so they tell no noun from another.
COMMON = {"an", "and", "as", "by", "for", "from", "in", "is", "it", "of", "on", "or", "the", "to", "with"}


@dataclass(frozen=True)
class Asked:
    text: str  # one space between words; empty: nothing was asked
    sense: int | None = None  # dog.n.01 asks for one sense of dog

    @classmethod
    def read(cls, typed: str) -> Self:
        named = SENSE_NAME.fullmatch(typed.strip())
        text = named["text"] if named else typed
        return cls(" ".join(text.replace("_", " ").split())[:LONGEST], int(named["sense"]) if named else None)

    @property
    def as_word(self) -> Q:
        """The lemmas that are just this."""
        return Q(text__iexact=self.text, **({"sense": self.sense} if self.sense is not None else {}))

    @property
    def as_beginning(self) -> Q:
        """The lemmas that begin so; where one sense was named, that one."""
        return Q(text__istartswith=self.text) if self.sense is None else self.as_word

    @property
    def in_gloss(self) -> Q:
        """The nouns whose gloss has all of these words, whole and in any order."""
        words = [word for word in WORD.findall(self.text.lower()) if word not in COMMON][:MOST_WORDS]
        if not words or self.sense is not None:
            return Q(pk__in=())
        # Most glosses are passed over by the first condition, which costs a tenth of the second.
        return Q(
            *(Q(gloss__icontains=word) for word in words),
            *(Q(gloss__iregex=rf"(^|\W){word}(\W|$)") for word in words),
        )
