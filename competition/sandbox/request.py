"""What a confined process is told, through its standard input, before it looks at anything of a stranger's."""

import json
import mmap
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from competition.sandbox.bounds import Limits

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """An open file of packed pictures: `n` of them from `offset` on, (side_px, side_px, 3) uint8 each."""

    file: int
    offset: int
    n: int
    side_px: int

    def map(self) -> Bytes:
        """Return them as a read-only map, (n, side_px, side_px, 3)."""
        whole = mmap.mmap(self.file, 0, prot=mmap.PROT_READ)
        shape = (self.n, self.side_px, self.side_px, 3)
        return np.ndarray(shape, np.uint8, buffer=whole, offset=self.offset)


@dataclass(frozen=True)
class Request:
    """What to do with one network.

    kind:     "onnx" or "weights".
    network:  descriptor of its open file.
    words:    descriptor of the pipe for what is said besides answers.
    classes:  wnids of the contest's classes; their order is that of the answers.
    pictures: what to answer about; None to look at the network alone.
    config:   options of training.config; of weights alone.
    said:     the classes that weights are said to answer for, in their order; None: the contest's.
    required: the protections without which nothing is done.
    """

    kind: str
    network: int
    words: int
    classes: list[str]
    pictures: Pictures | None = None
    config: dict[str, Any] = field(default_factory=dict)
    said: list[str] | None = None
    limits: Limits = field(default_factory=Limits)
    required: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, file: BinaryIO) -> Self:
        told = json.load(file)
        told["pictures"] = told["pictures"] and Pictures(**told["pictures"])
        told["limits"] = Limits(**told["limits"])
        told["required"] = tuple(told["required"])
        return cls(**told)
