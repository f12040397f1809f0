"""An error -> a letter that anyone understands. Pure.

| Letter | Share of the way from chance to people | In words |
| --- | --- | --- |
| A | 95 % or more | as good as people |
| B | 85 % | nearly as good as people |
| C | 70 % | good |
| D | 50 % | over half the way |
| E | 20 % | better than chance |
| F | less | hardly better than chance, or worse |

Where nobody knows what people err, the way is that from chance to no error.
"""

GRADES = (("A", 0.95), ("B", 0.85), ("C", 0.7), ("D", 0.5), ("E", 0.2))
WORST = "F"
SLACK = 1e-9  # for rounding, so that who is exactly at a threshold has reached it


def grade(error: float, chance_error: float, human_error: float | None = None) -> str:
    """Return the letter of an error, "A" to "F"; errors 0..1.

    chance_error: that of guessing, see `chance_error`. human_error: that of people, or None; one that is not below
    chance says nothing about the pictures, and counts as None.
    """
    goal = human_error if human_error is not None and human_error < chance_error else 0.0
    way = chance_error - goal
    # With one class guessing is always right, and so is whoever errs as little.
    share = (chance_error - error) / way if way > 0 else float(error <= 0)
    return next((letter for letter, least in GRADES if share >= least - SLACK), WORST)


def chance_error(n_classes: int, k: int = 1) -> float:
    """Return the error of `k` different guesses at random among `n_classes` classes that are equally frequent, 0..1.

    Raises ValueError without classes.
    """
    if n_classes < 1:
        raise ValueError(f"Expected at least one class; found {n_classes}.")
    return 1 - min(k, n_classes) / n_classes
