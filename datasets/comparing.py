"""Two snapshots of a collection, row by row -> which labels changed, which pictures came and went, and why. Pure.

Rows come in ascending order of their hashes, so both are read side by side, a stretch of hashes at a time. Of a test
picture nothing is told but that it is one of so many whose label changed: the stretches are parted into what is open
and what is secret before anything is named.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from datasets.manifest import ManifestRow, RemainderRow, schema_of
from labeling.splits import TEST

MOST_SHOWN = 1000  # changed pictures that are kept, and pairs of nouns
STEADY = 0.001  # a label is surer, or less sure, where its confidence moved by more

CHANGED, GONE, CAME = "changed", "gone", "came"
# Why a label changed.
BY_TAXONOMY, BY_CLASSES, BY_VOTES, BY_REFIT = "taxonomy", "classes", "votes", "refit"
CAUSES = (BY_TAXONOMY, BY_CLASSES, BY_VOTES, BY_REFIT)
# Why a picture went, besides the reasons of the newer snapshot's remainder; and why one came.
WITHDRAWN, CLASS_GONE, UNSURE = "withdrawn", "its class is gone", "no longer sure enough"
CLASS_CAME, LEFT_OVER, SETTLED = "its class is new", "was left over", "settled since"

_COLUMNS = ("sha256", "split", "wnid", "confidence", "n_votes", "salt")
_LEFT_COLUMNS = ("sha256", "reason")
SIDE_SCHEMA = pa.schema([schema_of(ManifestRow).field(name) for name in _COLUMNS])
LEFT_SCHEMA = pa.schema([schema_of(RemainderRow).field(name) for name in _LEFT_COLUMNS])
DIFFERENCES = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("what", pa.string(), nullable=False),
        pa.field("old", pa.string()),
        pa.field("new", pa.string()),
        pa.field("old_confidence", pa.float64()),
        pa.field("new_confidence", pa.float64()),
        pa.field("old_votes", pa.int32()),
        pa.field("new_votes", pa.int32()),
        pa.field("why", pa.string(), nullable=False),
    ]
)


class Difference(NamedTuple):
    """A training or validation picture that is not as it was; what one side lacks is None."""

    sha256: str
    split: str
    what: str  # changed, gone or came
    old: str | None  # wnids
    new: str | None
    old_confidence: float | None
    new_confidence: float | None
    old_votes: int | None
    new_votes: int | None
    why: str


class Pair(NamedTuple):
    """Labels that were one noun and are another."""

    old: str
    new: str
    n: int
    causes: dict[str, int]


@dataclass(frozen=True)
class Side:
    """One of the snapshots.

    rows: batches of its manifest, with at least the columns of SIDE_SCHEMA; left: of its remainder, LEFT_SCHEMA;
    classes: their wnids.
    """

    rows: Iterable[pa.RecordBatch]
    classes: Sequence[str]
    left: Iterable[pa.RecordBatch] = ()


@dataclass(frozen=True)
class Reasons:
    """What is known besides the rows.

    turned: pairs of wnids that changes of the taxonomy between both turned into each other;
    withdrawn: SHA-256 of pictures that have been withdrawn since.
    """

    turned: Collection[tuple[str, str]] = ()
    withdrawn: Collection[str] = ()


@dataclass
class Tally:
    """How many pictures of a part stayed what they were, changed, went and came."""

    n_kept: int = 0
    n_changed: int = 0
    n_gone: int = 0
    n_came: int = 0

    def add(self, kept: int, changed: int, gone: int, came: int) -> None:
        self.n_kept += kept
        self.n_changed += changed
        self.n_gone += gone
        self.n_came += came


@dataclass
class Drift:
    """How the confidence of labels moved that stayed what they were."""

    n: int = 0
    n_surer: int = 0
    n_less_sure: int = 0
    total: float = 0.0

    @property
    def n_steady(self) -> int:
        return self.n - self.n_surer - self.n_less_sure

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else 0.0


@dataclass
class Comparison:
    """What two snapshots differ in. `secret` counts test pictures; all else is about the others alone."""

    open: Tally = field(default_factory=Tally)
    secret: Tally = field(default_factory=Tally)
    drift: Drift = field(default_factory=Drift)
    causes: Counter[str] = field(default_factory=Counter)  # of changed labels
    gone: Counter[str] = field(default_factory=Counter)  # by reason
    came: Counter[str] = field(default_factory=Counter)
    n_pairs: int = 0
    pairs: list[Pair] = field(default_factory=list)  # the most frequent ones, those first
    changed: list[Difference] = field(default_factory=list)  # the first ones by their hashes

    @property
    def is_same(self) -> bool:
        """Whether no label changed, and no picture went or came; test pictures included."""
        tallies = (self.open, self.secret)
        return not any(each.n_changed + each.n_gone + each.n_came for each in tallies)


@dataclass(frozen=True)
class Window:
    """One stretch of hashes: which rows of both are of one picture, and which have no counterpart."""

    old: pa.RecordBatch  # of the pictures in both, in one order
    new: pa.RecordBatch
    gone: pa.RecordBatch
    came: pa.RecordBatch
    old_left: pa.RecordBatch
    new_left: pa.RecordBatch

    @property
    def is_secret(self) -> pa.BooleanArray:
        """Which of the pictures in both are secret in one."""
        return pc.or_(_is_secret(self.old), _is_secret(self.new))

    @property
    def is_changed(self) -> pa.BooleanArray:
        return pc.not_equal(self.old["wnid"], self.new["wnid"])


def compare(old: Side, new: Side, reasons: Reasons) -> Comparison:
    """Return what the snapshot `new` differs in from the earlier one `old`.

    Of the changed pictures and of the pairs of nouns MOST_SHOWN are kept and all counted, so memory does not grow
    with the pictures, but for 30 bytes of each that changed.
    """
    result = Comparison()
    pairs: list[pa.Table] = []
    for window in windows(old, new):
        _count(window, result)
        changed = _changed(window, old, new, reasons)
        result.gone.update(_counted(_gone(window, new, reasons)["why"]))
        result.came.update(_counted(_came(window, old)["why"]))
        room = MOST_SHOWN - len(result.changed)
        result.changed.extend(_differences(changed.slice(0, room)))
        pairs.append(_grouped(pa.Table.from_batches([changed.select(["old", "new", "why"])])))
    _keep_pairs(result, pairs)
    return result


def differences(old: Side, new: Side, reasons: Reasons) -> Iterator[pa.RecordBatch]:
    """Yield every difference, as DIFFERENCES, in ascending order of hashes."""
    for window in windows(old, new):
        found = [_changed(window, old, new, reasons), _gone(window, new, reasons), _came(window, old)]
        table = pa.Table.from_batches(found).sort_by("sha256")
        yield from table.to_batches()


def windows(old: Side, new: Side) -> Iterator[Window]:
    """Yield both snapshots side by side, a stretch of hashes at a time."""
    streams = (old.rows, new.rows, old.left, new.left)
    schemas = (SIDE_SCHEMA, SIDE_SCHEMA, LEFT_SCHEMA, LEFT_SCHEMA)
    for before, after, old_left, new_left in aligned(streams, schemas):
        place = pc.index_in(after["sha256"], before["sha256"])  # (n_after,), null where it came
        is_gone = pc.invert(pc.is_in(before["sha256"], after["sha256"]))
        yield Window(
            old=before.take(place.drop_null()),
            new=after.filter(place.is_valid()),
            gone=before.filter(is_gone),
            came=after.filter(place.is_null()),
            old_left=old_left,
            new_left=new_left,
        )


def aligned(
    streams: Sequence[Iterable[pa.RecordBatch]], schemas: Sequence[pa.Schema]
) -> Iterator[tuple[pa.RecordBatch, ...]]:
    """Yield what each stream has in the same stretch of hashes; what one lacks there is an empty batch.

    streams: of batches with the columns of their schemas, sha256 among them in ascending order throughout.
    """
    iterators = [(batch for batch in stream if batch.num_rows) for stream in streams]
    empty = [pa.RecordBatch.from_pylist([], schema=schema) for schema in schemas]
    held = [next(each, None) for each in iterators]
    while any(batch is not None for batch in held):
        # Up to the earliest end of what is held, since nobody knows what comes after it.
        end = min(batch["sha256"][-1].as_py() for batch in held if batch is not None)
        stretch = []
        for i, batch in enumerate(held):
            n = 0 if batch is None else _n_up_to(batch["sha256"], end)
            stretch.append(empty[i] if batch is None else batch.select(schemas[i].names).slice(0, n))
            if batch is not None:
                held[i] = batch.slice(n) if n < batch.num_rows else next(iterators[i], None)
        yield tuple(stretch)


def _n_up_to(hashes: pa.StringArray, end: str) -> int:
    low, high = 0, len(hashes)
    while low < high:
        middle = (low + high) // 2
        if hashes[middle].as_py() <= end:
            low = middle + 1
        else:
            high = middle
    return low


def _is_secret(batch: pa.RecordBatch) -> pa.BooleanArray:
    # Both: of snapshots that were frozen before there were salts the part alone tells.
    return pc.or_(pc.not_equal(batch["salt"], ""), pc.equal(batch["split"], TEST))


def _open(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.filter(pc.invert(_is_secret(batch)))


def _n(mask: pa.BooleanArray) -> int:
    return pc.sum(mask).as_py() or 0


def _count(window: Window, result: Comparison) -> None:
    is_open, is_changed = pc.invert(window.is_secret), window.is_changed
    for tally, is_mine, is_part in (
        (result.open, is_open, lambda batch: pc.invert(_is_secret(batch))),
        (result.secret, window.is_secret, _is_secret),
    ):
        n_changed = _n(pc.and_(is_mine, is_changed))
        n_gone, n_came = _n(is_part(window.gone)), _n(is_part(window.came))
        tally.add(_n(is_mine) - n_changed, n_changed, n_gone, n_came)
    is_kept = pc.and_not(is_open, is_changed)
    moved = pc.subtract(window.new["confidence"], window.old["confidence"]).filter(is_kept)
    result.drift.n += len(moved)
    result.drift.n_surer += _n(pc.greater(moved, STEADY))
    result.drift.n_less_sure += _n(pc.less(moved, -STEADY))
    result.drift.total += pc.sum(moved).as_py() or 0.0


def _changed(window: Window, old: Side, new: Side, reasons: Reasons) -> pa.RecordBatch:
    is_told = pc.and_not(window.is_changed, window.is_secret)
    before, after = window.old.filter(is_told), window.new.filter(is_told)
    pairs = pc.binary_join_element_wise(before["wnid"], after["wnid"], " ")
    is_turned = pc.is_in(pairs, pa.array([" ".join(pair) for pair in reasons.turned], pa.string()))
    has_classes = pc.and_(_is_among(before["wnid"], new.classes), _is_among(after["wnid"], old.classes))
    why = pc.coalesce(
        _where(is_turned, BY_TAXONOMY),
        _where(pc.invert(has_classes), BY_CLASSES),
        _where(pc.not_equal(before["n_votes"], after["n_votes"]), BY_VOTES),
        pa.scalar(BY_REFIT),
    )
    return _as_differences(CHANGED, before, after, why)


def _gone(window: Window, new: Side, reasons: Reasons) -> pa.RecordBatch:
    gone = _open(window.gone)
    left = pc.index_in(gone["sha256"], window.new_left["sha256"])
    why = pc.coalesce(
        _where(_is_among(gone["sha256"], reasons.withdrawn), WITHDRAWN),
        _where(pc.invert(_is_among(gone["wnid"], new.classes)), CLASS_GONE),
        window.new_left["reason"].take(left),
        pa.scalar(UNSURE),
    )
    return _as_differences(GONE, gone, None, why)


def _came(window: Window, old: Side) -> pa.RecordBatch:
    came = _open(window.came)
    why = pc.coalesce(
        _where(pc.invert(_is_among(came["wnid"], old.classes)), CLASS_CAME),
        _where(pc.is_in(came["sha256"], window.old_left["sha256"]), LEFT_OVER),
        pa.scalar(SETTLED),
    )
    return _as_differences(CAME, None, came, why)


def _is_among(values: pa.StringArray, known: Collection[str]) -> pa.BooleanArray:
    return pc.is_in(values, pa.array(list(known), pa.string()))


def _where(mask: pa.BooleanArray, reason: str) -> pa.StringArray:
    return pc.if_else(mask, pa.scalar(reason), pa.scalar(None, pa.string()))


def _as_differences(
    what: str, before: pa.RecordBatch | None, after: pa.RecordBatch | None, why: pa.StringArray
) -> pa.RecordBatch:
    """Lay rows of either side, or of both, out as DIFFERENCES."""
    known = next(side for side in (after, before) if side is not None)
    n = known.num_rows

    def column(side: pa.RecordBatch | None, name: str) -> pa.Array:
        return side[name] if side is not None else pa.nulls(n, SIDE_SCHEMA.field(name).type)

    of_both = [column(side, name) for name in ("wnid", "confidence", "n_votes") for side in (before, after)]
    columns = [known["sha256"], known["split"], pa.repeat(what, n), *of_both, why]
    return pa.RecordBatch.from_arrays(columns, schema=DIFFERENCES)


def _differences(batch: pa.RecordBatch) -> Iterator[Difference]:
    return map(Difference._make, zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _counted(values: pa.StringArray) -> dict[str, int]:
    return {each["values"]: each["counts"] for each in pc.value_counts(values).to_pylist()}


def _grouped(table: pa.Table) -> pa.Table:
    return table.group_by(["old", "new", "why"]).aggregate([([], "count_all")])


def _keep_pairs(result: Comparison, grouped: Sequence[pa.Table]) -> None:
    """Note how often each cause was, and the most frequent pairs of nouns."""
    if not grouped:
        return
    by_cause = pa.concat_tables(grouped).group_by(["old", "new", "why"]).aggregate([("count_all", "sum")])
    for why, n in zip(*_columns(by_cause.group_by("why").aggregate([("count_all_sum", "sum")])), strict=True):
        result.causes[why] = n
    totals = by_cause.group_by(["old", "new"]).aggregate([("count_all_sum", "sum")])
    result.n_pairs = totals.num_rows
    order = [("count_all_sum_sum", "descending"), ("old", "ascending"), ("new", "ascending")]
    most = totals.sort_by(order).slice(0, MOST_SHOWN)
    causes = _causes_of(most, by_cause)
    result.pairs = [Pair(old, new, n, causes[old, new]) for old, new, n in zip(*_columns(most), strict=True)]


def _causes_of(most: pa.Table, by_cause: pa.Table) -> Mapping[tuple[str, str], dict[str, int]]:
    rows = most.select(["old", "new"]).join(by_cause, ["old", "new"], join_type="inner")
    causes: dict[tuple[str, str], dict[str, int]] = {}
    for old, new, why, n in zip(*_columns(rows), strict=True):
        causes.setdefault((old, new), {})[why] = n
    return causes


def _columns(table: pa.Table) -> list[list[object]]:
    return [column.to_pylist() for column in table.columns]
