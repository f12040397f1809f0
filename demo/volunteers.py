"""Simulated volunteers of stated reliability, who label through the same leases and votes as people."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from accounts.models import User
from labeling.models import Collection, Lease
from taxonomy.models import Synset

N_VOLUNTEERS = 30
LEAST_RELIABLE, MOST_RELIABLE = 0.80, 0.95
SHIFT = 20  # pictures that a volunteer answers before the next one has a turn


@dataclass(frozen=True)
class Volunteer:
    user: User
    reliability: float  # the probability that an answer is right

    def answer(self, truth: Synset, classes: list[Synset], chance: random.Random) -> Synset:
        """Say what the picture shows: the truth this often, else some other class."""
        if chance.random() < self.reliability:
            return truth
        return chance.choice([synset for synset in classes if synset != truth])


def recruit() -> list[Volunteer]:
    """Return the simulated volunteers, made on the first call; their names say how reliable they are."""
    step = (MOST_RELIABLE - LEAST_RELIABLE) / (N_VOLUNTEERS - 1)
    volunteers = []
    for number in range(N_VOLUNTEERS):
        reliability = LEAST_RELIABLE + step * number
        username = f"volunteer-{number + 1:02}-right-{reliability * 100:.0f}-in-100"
        user = User.objects.filter(username=username).first() or User.objects.create_simulated(username)
        volunteers.append(Volunteer(user, reliability))
    return volunteers


def label_everything(
    collection: Collection,
    volunteers: list[Volunteer],
    truth: dict[int, Synset],
    on_vote: Callable[[int], None],
) -> int:
    """Let `volunteers` take turns until nobody is handed anything any more; return the number of votes cast.

    truth: the right answer by question. on_vote is called with the number of votes of each turn.
    """
    classes = collection.ordered_classes()
    chance = random.Random(f"{collection.slug} {collection.questions.counts()['n_votes']}")  # noqa: S311
    n_cast, n_idle = 0, 0
    while n_idle < len(volunteers):
        n_idle = 0
        for volunteer in volunteers:
            leases = Lease.objects.hand_out(collection, volunteer.user, SHIFT)
            for lease in leases:
                lease.cast(volunteer.answer(truth[lease.question_id], classes, chance), seconds=None)
            n_cast += len(leases)
            n_idle += not leases
            on_vote(len(leases))
    return n_cast
