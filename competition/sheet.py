"""Rows of predictions, as they come -> Answers, or all that is wrong with the first bad ones. Pure."""

from array import array
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from competition.answers import MOST_GUESSES, NO_GUESS, Answers, Places, Shares

MOST_TOLD = 20  # bad rows of which every fault is told; the others are counted
MOST_QUOTED = 80  # characters of what was found
MOST_TOTAL = 1.001  # of a row's probabilities, which may have been rounded
NOT_YET = -1


class PredictionsError(ValueError):
    """The entry cannot be scored; the message, for its author, says where, what was expected and what was found.

    log: what the organiser may read besides.
    """

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class Sheet:
    """One row for each test picture, to be filled in any order.

    images: SHA-256 of each test picture; their order is that of the answers. may_lack: those that need no row.
    nouns:  wnids, or the range of their places where guesses are such.
    unit:   what rows are called in the file, "Line" or "Row".
    """

    def __init__(
        self,
        images: Sequence[str],
        nouns: Sequence[str] | range,
        may_lack: Container[str] = (),
        unit: str = "Line",
    ) -> None:
        self.images = images
        self.may_lack = may_lack
        self._unit = unit
        self._row_of = {image: row for row, image in enumerate(images)}
        self._place_of: dict[Any, int] = {noun: place for place, noun in enumerate(nouns)}
        self._place_of |= {"": NO_GUESS, None: NO_GUESS} if not isinstance(nouns, range) else {-1: NO_GUESS}
        self._wanted = (
            f"a place among the nouns, from 0 to {len(nouns) - 1}, or -1"
            if isinstance(nouns, range)
            else "the wnid of a class or of a noun above it"
        )
        self._number = array("q", [NOT_YET]) * len(images)  # of the row that each picture came in
        self._places = array("i", [NO_GUESS]) * (len(images) * MOST_GUESSES)
        self._shares = array("f", [np.nan]) * (len(images) * MOST_GUESSES)
        self._tells_shares: bool | None = None  # not known before the first guess
        self._told: list[str] = []
        self._n_bad = 0

    @property
    def is_spoilt(self) -> bool:
        return self._n_bad > 0

    def take(self, number: int, image: Any, guesses: Sequence[Any], shares: Sequence[Any] = ()) -> None:
        """Take the row with this `number` in the file, or note what is wrong with it.

        guesses: nouns, "" or None where there is none. shares: the probability of each; () where it tells none.
        """
        try:
            row = self._row_of[image]
            places = [self._place_of[guess] for guess in guesses]
            is_good = (
                self._number[row] == NOT_YET
                and len(places) <= MOST_GUESSES
                and (self._tells_shares is bool(shares) or self._agree(places, shares))
                and (not shares or _are_shares(places, shares))
            )
        except (KeyError, TypeError):  # something unknown, or what no name can be
            is_good = False
        if not is_good:
            self._explain(number, image, guesses, shares)
            return
        self._number[row] = number
        start = row * MOST_GUESSES
        self._places[start : start + len(places)] = array("i", places)
        if shares:
            if NO_GUESS in places:
                shares = [
                    np.nan if place == NO_GUESS else share
                    for place, share in zip(places, shares, strict=True)
                ]
            self._shares[start : start + len(places)] = array("f", shares)

    def fill(self, start: int, answers: Answers) -> None:
        """Take what is said of the pictures from the `start`-th on, all checked."""
        stop = start + len(answers)
        self._number[start:stop] = array("q", range(start, stop))
        places, shares = self._arrays()
        places[start:stop] = answers.guesses
        if answers.probabilities is not None:
            shares[start:stop] = answers.probabilities
            self._tells_shares = True

    def refuse(self, number: int, *problems: str) -> None:
        """Note what is wrong with a row."""
        self._n_bad += 1
        if self._n_bad <= MOST_TOLD:
            self._told.append(f"{self._unit} {number}: {'; '.join(problems)}.")

    def answers(self) -> Answers:
        """Return all of it. Raises PredictionsError if a row was bad, or pictures have none."""
        if self._n_bad > MOST_TOLD:
            n_more = self._n_bad - MOST_TOLD
            self._told.append(f"And {n_more} more like these.")
        if self._told:
            raise PredictionsError("\n".join(self._told))
        self._refuse_missing()
        places, shares = self._arrays()
        return Answers(places, shares if self._tells_shares else None)

    def _refuse_missing(self) -> None:
        rows = np.flatnonzero(np.frombuffer(self._number, np.int64) == NOT_YET).tolist()
        missing = [self.images[row] for row in rows if self.images[row] not in self.may_lack]
        if missing:
            raise PredictionsError(
                f"Expected a row for each of {len(self.images)} test pictures; {len(missing)} are missing, "
                f"the first is {missing[0]}."
            )

    def _arrays(self) -> tuple[Places, Shares]:
        """Return views of what is filled in."""
        return (
            np.frombuffer(self._places, np.int32).reshape(-1, MOST_GUESSES),
            np.frombuffer(self._shares, np.float32).reshape(-1, MOST_GUESSES),
        )

    def _agree(self, places: list[int], shares: Sequence[Any]) -> bool:
        """Whether this row tells probabilities just as those before it; a row without guesses has none to tell."""
        if not any(place >= 0 for place in places):
            return True
        if self._tells_shares is None:
            self._tells_shares = bool(shares)
        return self._tells_shares == bool(shares)

    def _explain(self, number: int, image: Any, guesses: Sequence[Any], shares: Sequence[Any]) -> None:
        """Note all that is wrong with a row, if that will be told."""
        if self._n_bad < MOST_TOLD:
            self.refuse(number, *self._problems(image, guesses, shares))
        else:
            self.refuse(number)

    def _problems(self, image: Any, guesses: Sequence[Any], shares: Sequence[Any]) -> Iterator[str]:
        row = _look_up(self._row_of, image)
        if row is None:
            yield f"expected the SHA-256 of a test picture of this contest; found {quoted(image)}"
        elif self._number[row] != NOT_YET:
            came = f"{self._unit.lower()} {self._number[row]}"
            yield f"expected each picture once; {image} came in {came} already"
        if len(guesses) > MOST_GUESSES:
            yield f"expected {MOST_GUESSES} guesses at most; found {len(guesses)}"
        places = [_look_up(self._place_of, guess) for guess in guesses[:MOST_GUESSES]]
        for guess, place in zip(guesses, places, strict=False):
            if place is None:
                yield f"expected {self._wanted}; found {quoted(guess)}"
        known = [NO_GUESS if place is None else place for place in places]
        if not self._agree(known, shares):
            yield f"expected probabilities in every {self._unit.lower()} or in none"
        elif shares:
            yield from _share_problems(known, guesses, shares)


def _look_up(table: Mapping[Any, int], key: Any) -> int | None:
    try:
        return table.get(key)
    except TypeError:  # a list, which JSON can hold
        return None


def _are_shares(places: Sequence[int], shares: Sequence[Any]) -> bool:
    """Whether each noun has a probability, and they are those of different nouns. Raises TypeError at what is no
    number.
    """
    if len(places) != len(shares):
        return False
    if NO_GUESS in places:
        pairs = list(zip(places, shares, strict=True))
        if any(not _is_nothing(share) for place, share in pairs if place == NO_GUESS):
            return False
        places = [place for place in places if place != NO_GUESS]
        shares = [share for place, share in pairs if place != NO_GUESS]
    if not shares:
        return True
    # What is not a number is not below any, so the sum refuses it.
    is_within = min(shares) >= 0 and max(shares) <= 1 and sum(shares) <= MOST_TOTAL
    return is_within and len(set(places)) == len(places)


def _is_nothing(share: Any) -> bool:
    return share is None or share != share  # only what is not a number differs from itself


def _share_problems(places: list[int], guesses: Sequence[Any], shares: Sequence[Any]) -> Iterator[str]:
    if len(shares) != len(guesses):
        yield f"expected as many probabilities as guesses; found {len(shares)} and {len(guesses)}"
        return
    total, given = 0.0, []
    for place, guess, share in zip(places, guesses, shares, strict=False):
        is_number = isinstance(share, int | float)
        if guess in ("", None, -1):
            if not _is_nothing(share):
                yield f"expected no probability where there is no guess; found {quoted(share)}"
        elif not is_number or not 0 <= share <= 1:
            yield f"expected a probability from 0 to 1; found {quoted(share)}"
        else:
            total += share
        if place >= 0 and place in given:
            yield f"expected each noun once, since it has one probability; found {quoted(guess)} again"
        given.append(place)
    if total > MOST_TOTAL:
        yield f"expected probabilities of 1 at most together; found {total:.6g}"


def quoted(found: Any) -> str:
    """Return what was found as Python writes it, cut where it is long. No character of it can do anything where it is
    shown: a formula is within quotes, and what does not print is written as its code.
    """
    if found is None:
        return "nothing"
    return repr(found[:MOST_QUOTED] if isinstance(found, str) else found)[: 2 * MOST_QUOTED]
