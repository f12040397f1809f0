"""How fast to learn, and how large to show the pictures, from the first step to the last."""

import math

from training.config import Config

# The schedule climbs for this share of all steps: fresh weights meet a full learning rate badly.
WARM_UP = 0.05
# Where the "step" schedule drops to a tenth, as shares of all steps.
DROPS = (0.5, 0.75)
# Of its side, in the first and in the second half of the epochs in which pictures are shown small.
SMALL = (0.5, 0.75)


def learning_rate(config: Config, step: int, n_steps: int) -> float:
    """Return the learning rate of `step`, 0 to n_steps - 1: a straight climb, then as the schedule says.

    "cosine" is half a cosine down to 0: Loshchilov & Hutter (2017), eq. 5, arXiv:1608.03983. "step" divides by ten
    after half and after three quarters of all steps: He et al. (2016), section 4.2, doi:10.1109/CVPR.2016.90.
    """
    n_climbing = math.ceil(WARM_UP * n_steps)
    if step < n_climbing:
        return config.learning_rate * (step + 1) / n_climbing
    if config.schedule == "step":
        return config.learning_rate * 0.1 ** sum(step >= drop * n_steps for drop in DROPS)
    share_done = (step - n_climbing) / (n_steps - n_climbing)
    return config.learning_rate * (1 + math.cos(math.pi * share_done)) / 2


def side_px(config: Config, epoch: int) -> int:
    """Return the side at which pictures are shown in `epoch`, counted from 1: small at first, where that is asked;
    it grows by a quarter twice.

    Source: progressive resizing, as in Tan & Le (2021), section 4.2, arXiv:2104.00298.
    """
    n_small = config.progressive * config.epochs
    if epoch > n_small:
        return config.size_px
    share = SMALL[0] if epoch <= n_small / 2 else SMALL[1]
    return max(8, round(config.size_px * share))
