"""A tree -> what a page of it shows: some branches open, each of them a page of rows."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from django.db.models import Count

from taxonomy.history import Branch, TreeThen
from taxonomy.models import Ancestry, Synset
from taxonomy.patch import Edge
from taxonomy.records import SynsetRecord

PAGE = 50  # rows of one branch
MOST_OPEN = 8  # branches that an address may name
SMALL = 30  # rows; a level that has no more is open from the start
TALLY = ("tally__n_pictures", "tally__n_labels")

Way = tuple[str, ...]  # wnids from a root down to a noun


@dataclass(frozen=True)
class Figures:
    """What is counted for one noun; None where it was not counted, as for a tree of the past."""

    n_below: int | None = None
    n_pictures: int | None = None
    n_labels: int | None = None


@dataclass(frozen=True)
class Row:
    noun: SynsetRecord
    way: Way
    place: int  # among its siblings, from 1
    is_instance: bool
    is_inner: bool  # has something below it
    also_under: list[Branch]
    figures: Figures
    share: int | None  # percent of its parent's pictures
    level: "Level | None" = None  # what is below it, where that is open
    is_start: bool = False  # open though nobody asked

    @property
    def path(self) -> str:
        return ".".join(self.way)

    @property
    def parent(self) -> str:
        return self.way[-2] if len(self.way) > 1 else ""

    @property
    def parent_path(self) -> str:
        return ".".join(self.way[:-1])


@dataclass(frozen=True)
class Level:
    """Rows next to each other: what is right below one noun, or the roots; a stretch of them where they are many."""

    rows: list[Row]
    n_rows: int
    start: int = 0  # how many come before
    parent: str = ""

    @property
    def first_place(self) -> int:
        return self.start + 1

    @property
    def last_place(self) -> int:
        return self.start + len(self.rows)

    @property
    def n_after(self) -> int:
        return self.n_rows - self.start - len(self.rows)

    @property
    def page(self) -> int:
        return self.start // PAGE + 1

    @property
    def next_page(self) -> int | None:
        return (self.start + len(self.rows)) // PAGE + 1 if self.n_after > 0 else None

    @property
    def previous_page(self) -> int | None:
        return self.start // PAGE if self.start else None


@dataclass
class _Stretches:
    """Which part of which branch is shown, before anything is known of its nouns."""

    branches: dict[Way, list[Branch]] = field(default_factory=dict)
    spans: dict[Way, slice] = field(default_factory=dict)

    def show(self, way: Way, branches: list[Branch], to_see: Collection[str]) -> None:
        """Take the page with what is `to_see`, all pages between where that is on several, or else the first."""
        places = [i for i, branch in enumerate(branches) if branch.wnid in to_see] or [0]
        self.branches[way] = branches
        self.spans[way] = slice(min(places) // PAGE * PAGE, (max(places) // PAGE + 1) * PAGE)

    def shown(self, way: Way) -> list[Branch]:
        return self.branches[way][self.spans[way]]


def open_tree(tree: TreeThen, asked: Iterable[str]) -> tuple[Level, str]:
    """Return the roots with what is open below them: the top where that is small, and the way to each noun asked
    for, given by its wnid or by all wnids on the way to it with dots between; and the path of the last of these.
    """
    roots = tree.tops()
    at_start, below = _open_from_the_start(tree, roots)
    ways = _ways(tree, asked)
    is_open = at_start | {way[:end] for way in ways for end in range(1, len(way) + 1)}
    below |= tree.branches({way[-1] for way in is_open} - below.keys())
    stretches = _Stretches()
    for way in [(), *is_open]:
        branches = below[way[-1]] if way else roots
        if branches:
            asked_next = {w[len(way)] for w in ways if w[: len(way)] == way and len(w) > len(way)}
            stretches.show(way, branches, asked_next)
    return _build(tree, stretches, at_start=at_start), ".".join(ways[-1]) if ways else ""


def root_page(tree: TreeThen, page: int) -> Level:
    return _build(tree, _Stretches({(): tree.tops()}, {(): _span(page)}))


def branch_page(tree: TreeThen, wnid: str, page: int) -> Level:
    """Return one page of what is right below a noun."""
    branches = tree.branches([wnid])[wnid]
    return _build(tree, _Stretches({(wnid,): branches}, {(wnid,): _span(page)}), top=(wnid,))


def _span(page: int) -> slice:
    return slice((page - 1) * PAGE, page * PAGE)


def _open_from_the_start(tree: TreeThen, roots: list[Branch]) -> tuple[set[Way], dict[str, list[Branch]]]:
    is_open: set[Way] = set()
    below: dict[str, list[Branch]] = {}
    ways: list[Way] = [(root.wnid,) for root in roots[:PAGE]]
    for _level in range(2):
        found = tree.branches({way[-1] for way in ways})
        ways_below = [(*way, branch.wnid) for way in ways for branch in found[way[-1]]]
        if len(ways_below) > SMALL:
            break
        below |= found
        is_open |= {way for way in ways if found[way[-1]]}
        ways = ways_below
    return is_open, below


def _ways(tree: TreeThen, asked: Iterable[str]) -> list[Way]:
    """Return the way that each asks for; where there is none such, a shortest way to its last noun."""
    ways = [tuple(words.split(".")) for words in asked if words]
    # To open the way to a hidden noun would tell where it is.
    wanted = [way for way in ways if way[-1] not in tree.hidden][:MOST_OPEN]
    above = tree.edges_above({way[-1] for way in wanted})
    return [way if _leads(way, above) else shortest_way(way[-1], above) for way in wanted]


def _leads(way: Way, above: Mapping[str, list[Edge]]) -> bool:
    is_down = all(top in {edge.hypernym for edge in above.get(low, ())} for top, low in pairwise(way))
    return is_down and not above.get(way[0])


def shortest_way(wnid: str, above: Mapping[str, list[Edge]]) -> Way:
    """Return a way with the fewest steps from a root down to `wnid`, both included."""
    ways: list[Way] = [(wnid,)]
    seen = {wnid}
    for way in ways:  # grows while it is walked, the short ones first
        if not above[way[0]]:
            return way
        for edge in above[way[0]]:
            if edge.hypernym not in seen:
                seen.add(edge.hypernym)
                ways.append((edge.hypernym, *way))
    raise AssertionError(f"Edges form no cycle, so above {wnid} is a root.")


# --- Stretches -> rows ------------------------------------------------------------------------------------


def _build(tree: TreeThen, stretches: _Stretches, top: Way = (), at_start: Collection[Way] = ()) -> Level:
    wnids = {branch.wnid for way in stretches.spans for branch in stretches.shown(way)} | set(top)
    nouns = tree.nouns(wnids)
    inner = {wnid for wnid, below in tree.branches(wnids).items() if below}
    tops = tree.names({edge for noun in nouns.values() for edge in (*noun.hypernyms, *noun.instance_of)})
    figures = figures_of(tree, wnids)

    def rows(way: Way) -> Iterator[Row]:
        whole = figures[way[-1]].n_pictures if way else None
        for place, branch in enumerate(stretches.shown(way), stretches.spans[way].start + 1):
            noun, counted = nouns[branch.wnid], figures[branch.wnid]
            down = (*way, branch.wnid)
            others = [w for w in (*noun.hypernyms, *noun.instance_of) if not way or w != way[-1]]
            yield Row(
                noun=noun,
                way=down,
                place=place,
                is_instance=branch.is_instance,
                is_inner=branch.wnid in inner,
                also_under=[Branch(wnid, tops[wnid]) for wnid in others],
                figures=counted,
                share=_percent(counted.n_pictures, whole),
                level=level(down) if down in stretches.spans else None,
                is_start=down in at_start,
            )

    def level(way: Way) -> Level:
        parent = way[-1] if way else ""
        return Level(list(rows(way)), len(stretches.branches[way]), stretches.spans[way].start, parent)

    return level(top) if top in stretches.spans else Level([], 0)


def _percent(part: int | None, whole: int | None) -> int | None:
    return None if not part or not whole else max(1, round(100 * part / whole))


def figures_of(tree: TreeThen, wnids: Collection[str]) -> dict[str, Figures]:
    """Count for each noun what is below it and what was labelled as it, for the tree of today alone."""
    if tree.back:
        return {wnid: Figures() for wnid in wnids}
    rows = Synset.objects.filter(wnid__in=wnids)
    keys = {pk: (wnid, n or 0, m or 0) for pk, wnid, n, m in rows.values_list("pk", "wnid", *TALLY)}
    below = Ancestry.objects.filter(ancestor__in=keys).values("ancestor").annotate(n=Count("*"))
    counts = dict(below.values_list("ancestor", "n"))
    if tree.hidden:
        hidden = below.filter(descendant__in=tree.hidden.values())
        for pk, n in hidden.values_list("ancestor", "n"):
            counts[pk] -= n
    return {
        wnid: Figures(counts.get(pk, 1) - 1, n_pictures, n_labels)
        for pk, (wnid, n_pictures, n_labels) in keys.items()
    }


# --- What tells one noun from others of its name ------------------------------------------------------------


def nearest_above(tree: TreeThen, wnids: Collection[str], most: int = 3) -> dict[str, list[Branch]]:
    """Return for each noun the nearest above it on one of its ways, the widest first."""
    above = tree.edges_above(wnids)
    lines: dict[str, list[str]] = {}
    for wnid in wnids:
        line = [wnid]
        while len(line) <= most and above[line[0]]:
            line.insert(0, above[line[0]][0].hypernym)
        lines[wnid] = line[:-1]
    names = tree.names({step for line in lines.values() for step in line})
    return {wnid: [Branch(step, names[step]) for step in line] for wnid, line in lines.items()}
