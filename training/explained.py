"""What an explanation says <-> the bytes of its file. Pure: NumPy alone, since web processes read it."""

import io
import zipfile
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from training.faithfulness import Deletion

Map = NDArray[np.float32]

GRADIENTS, OCCLUSION, GRAD_CAM = METHODS = ("gradients", "occlusion", "grad-cam")
_NUMBERS = ("label", "log_odds", "explained", "delta", "n_steps", "window_px", "seconds")


class ExplanationFileError(ValueError):
    """The bytes are none that to_bytes() made."""


@dataclass(frozen=True)
class Explained:
    """Why a network gives one picture one class.

    picture:       (size, size, 3) uint8 RGB, as the network sees it.
    probabilities: (n_classes,) float32, what it answers.
    label:         the class that is explained.
    log_odds:      of that class, in nats.
    explained:     by how much they differ from those of gray: what integrated gradients add up to.
    delta, n_steps: how exactly they do, and at how many points (training.attribution.Gradients).
    window_px:     side of the squares that were hidden one by one.
    maps:          (size, size) float32 by the name of the method; a network may have no "grad-cam".
    stages:        the same of Grad-CAM by the side of each stage's map, first to last.
    deletions:         of each map, by the same names.
    seconds:       that it took to work out.
    """

    picture: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    label: int
    log_odds: float
    explained: float
    delta: float
    n_steps: int
    window_px: int
    maps: dict[str, Map]
    stages: dict[int, Map]
    deletions: dict[str, Deletion]
    seconds: float

    def map_named(self, name: str) -> Map | None:
        """Return a method's map, or that of a stage: "stage-16"."""
        if name in self.maps:
            return self.maps[name]
        side = name.removeprefix("stage-")
        return self.stages.get(int(side)) if side != name and side.isdecimal() else None

    def to_bytes(self) -> bytes:
        """Return an npz of it."""
        arrays: dict[str, NDArray] = {"picture": self.picture, "probabilities": self.probabilities}
        arrays |= {name: np.array(getattr(self, name)) for name in _NUMBERS}
        arrays |= {f"map {name}": each for name, each in self.maps.items()}
        arrays |= {f"stage {side}": each for side, each in self.stages.items()}
        for name, test in self.deletions.items():
            arrays |= {f"{field.name} {name}": getattr(test, field.name) for field in fields(Deletion)}
        file = io.BytesIO()
        # Any, since savez's own options have types that the keyword arguments do not.
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Explained":
        """Raises ExplanationFileError unless to_bytes() made `data`."""
        try:
            with np.load(io.BytesIO(data)) as file:
                found = {name: file[name] for name in file.files}
            maps = _named(found, "map")
            return cls(
                picture=found["picture"],
                probabilities=found["probabilities"],
                **{name: found[name].item() for name in _NUMBERS},
                maps=maps,
                stages={int(side): each for side, each in _named(found, "stage").items()},
                deletions={
                    name: Deletion(
                        **{field.name: found[f"{field.name} {name}"] for field in fields(Deletion)}
                    )
                    for name in maps
                },
            )
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ExplanationFileError(f"Expected the file of an explanation; found {error!r}.") from error


def _named(found: dict[str, NDArray], kind: str) -> dict[str, NDArray]:
    return {
        name.removeprefix(f"{kind} "): each for name, each in found.items() if name.startswith(f"{kind} ")
    }
