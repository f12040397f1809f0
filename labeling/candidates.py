"""Which nouns a picture is a candidate for, in a collection that verifies: it is asked about each of them."""

from collections.abc import Iterable

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _

from labeling.models import Collection
from taxonomy.models import Synset

MOST_ASKED = 10  # nouns that a collection may have for a picture to be asked about all of them
SEPARATOR = ";"


class NoCandidateError(ValueError):
    """It is not said which noun a picture may show; the message says what was expected and found."""


class Candidates:
    """The nouns of a collection, by what files and folders call them."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.classes = collection.offered()
        self._of_name = _by_name(self.classes)

    def named(self, text: str) -> tuple[Synset, ...]:
        """Return the nouns that `text` names, several apart by semicolons. Raises NoCandidateError."""
        names = [name.strip() for name in text.split(SEPARATOR) if name.strip()]
        for name in names:
            if _plain(name) not in self._of_name:
                raise NoCandidateError(
                    _("expected a noun of %(collection)s; found %(name)s.")
                    % {"collection": self.collection, "name": repr(name)}
                )
        return tuple(dict.fromkeys(self._of_name[_plain(name)] for name in names))

    def of_folder(self, folder: str) -> tuple[Synset, ...]:
        """Return the noun that is named as a picture's folder; where none is, all nouns, if they are few. Raises
        NoCandidateError.
        """
        if noun := self._of_name.get(_plain(folder)):
            return (noun,)
        if len(self.classes) <= MOST_ASKED:
            return tuple(self.classes)
        found = f"the folder {folder!r}" if folder else "no folder"
        raise NoCandidateError(
            _(
                "Expected a folder named as one of the %(n)s nouns of %(collection)s, or a row of the "
                "metadata that says about which the picture is asked; found %(found)s."
            )
            % {"n": len(self.classes), "collection": self.collection, "found": found}
        )


def _by_name(classes: Iterable[Synset]) -> dict[str, Synset]:
    """Return each noun by its wnid, its sense name and, where no other has the same, its name."""
    classes = list(classes)
    prefetch_related_objects(classes, "lemmas")
    names = [_plain(synset.name) for synset in classes]
    alone = {name: synset for name, synset in zip(names, classes, strict=True) if names.count(name) == 1}
    exact = [(name, synset) for synset in classes for name in (synset.sense_name, synset.wnid)]
    return alone | {_plain(name): synset for name, synset in exact}


def _plain(name: str) -> str:
    return name.strip().replace("_", " ").casefold()
