"""croissant.json: what a snapshot is and how its files are read, as JSON-LD that machines find and load. Pure.

Source: MLCommons, Croissant format specification 1.0, http://mlcommons.org/croissant/1.0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from datasets.formats.rows import Class
from labeling.splits import TEST, TRAIN, VAL

MANIFEST, FOLDERS = "manifest.parquet", "folders.zip"  # what records are read from
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_SPLITS = {TRAIN: "cr:TrainingSplit", VAL: "cr:ValidationSplit", TEST: "cr:TestSplit"}
_IN_MANIFEST: dict[
    str, tuple[str | list[str], str]
] = {  # column of the manifest -> its type and what it says
    "sha256": ("sc:Text", "SHA-256 of the picture's file."),
    "file_name": ("sc:Text", "The name of the picture's file."),
    "split": (["sc:Text", "cr:Split"], "The part that the picture is in."),
    "label": (
        ["sc:Integer", "cr:Label"],
        "The place of the picture's class among all; none for test pictures.",
    ),
    "wnid": ("sc:Text", "WordNet's id of the class; none for test pictures."),
    "synset": ("sc:Text", "The name of the class; none for test pictures."),
    "confidence": ("sc:Float", "The probability of the label given all votes; none for test pictures."),
    "n_votes": ("sc:Integer", "How many votes the label rests on; none for test pictures."),
    "licence": ("sc:Text", "The picture's licence."),
    "credit": ("sc:Text", "Whom to credit for the picture."),
}


class CroissantError(ValueError):
    """What is to be described lacks something that Croissant asks for."""


@dataclass(frozen=True)
class File:
    """A file that can be downloaded; its SHA-256 as 64 hex digits, or none until that is worked out."""

    name: str
    url: str
    n_bytes: int
    media_type: str
    sha256: str | None = None
    purpose: str = ""


@dataclass(frozen=True)
class Description:
    """All that croissant.json says."""

    name: str
    text: str
    url: str
    version: str  # as in semantic versioning: snapshot 3 is 3.0.0
    published_on: date
    licences: Sequence[str]  # names or, better, URLs
    citation: str
    creators: Sequence[str]
    digest: str
    files: Sequence[File]
    classes: Sequence[Class]


def croissant(described: Description) -> dict[str, Any]:
    """Return the JSON-LD. Pictures themselves are part of its records if folders.zip is among the files.

    Croissant asks for a checksum of each file; as long as one has none, the dataset is said to be a live one, which
    needs none. Raises CroissantError.
    """
    names = {file.name for file in described.files}
    if MANIFEST not in names or not described.classes:
        raise CroissantError(
            f"Expected {MANIFEST} and a class at least; found {', '.join(sorted(names)) or 'no file'} "
            f"and {len(described.classes)} classes."
        )
    about: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": described.name,
        "description": described.text,
        "url": described.url,
        "version": described.version,
        "datePublished": described.published_on.isoformat(),
        "license": list(described.licences),
        "citeAs": described.citation,
        "creator": [{"@type": "Organization", "name": name} for name in described.creators],
        "identifier": f"sha256:{described.digest}",
    }
    if not all(file.sha256 for file in described.files):
        about["isLiveDataset"] = True
    has_pictures = FOLDERS in names
    distribution = [_file(file) for file in described.files] + ([_PICTURE_FILES] if has_pictures else [])
    records = [_splits(), _classes(described.classes), _pictures(has_pictures)]
    return about | {"distribution": distribution, "recordSet": records}


def _file(file: File) -> dict[str, Any]:
    said = {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "description": file.purpose,
        "contentUrl": file.url,
        "contentSize": f"{file.n_bytes} B",
        "encodingFormat": _encoding(file.media_type),
        "sha256": file.sha256,
    }
    return {key: value for key, value in said.items() if value}


def _encoding(media_type: str) -> str:
    """Return a file's media type as Croissant's readers know it: alone, and Parquet's by its older name."""
    plain = media_type.partition(";")[0].strip()
    return {"application/vnd.apache.parquet": "application/x-parquet"}.get(plain, plain)


_PICTURE_FILES = {
    "@type": "cr:FileSet",
    "@id": "picture-files",
    "name": "picture-files",
    "description": f"The pictures in {FOLDERS}.",
    "containedIn": {"@id": FOLDERS},
    "encodingFormat": ["image/jpeg", "image/png"],
    "includes": ["train/*.*", "val/*.*", "test/*.*"],
}


def _splits() -> dict[str, Any]:
    return _table(
        "splits",
        "The parts of the dataset.",
        {"name": ("sc:Text", "The name of the part."), "url": ("sc:URL", "What the part is for.")},
        [{"name": name, "url": url} for name, url in _SPLITS.items()],
        key="name",
        kind="cr:Split",
    )


def _classes(classes: Sequence[Class]) -> dict[str, Any]:
    fields = {
        "label": ("sc:Integer", "The place of the class among all, from 0."),
        "wnid": ("sc:Text", "WordNet's id of the noun."),
        "name": ("sc:Text", "The noun."),
        "gloss": ("sc:Text", "What the noun means."),
    }
    rows = [
        {"label": label, "wnid": each.wnid, "name": each.name, "gloss": each.gloss}
        for label, each in enumerate(classes)
    ]
    return _table(
        "classes",
        "The classes in the order of their labels.",
        fields,
        rows,
        key="label",
        kind="sc:Enumeration",
    )


def _table(
    name: str,
    description: str,
    fields: Mapping[str, tuple[str, str]],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: str,
    kind: str,
) -> dict[str, Any]:
    """Return a set of records that stand in the file itself."""
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "dataType": kind,
        "key": {"@id": f"{name}/{key}"},
        "field": [_field(name, field, *said) for field, said in fields.items()],
        "data": [{f"{name}/{field}": value for field, value in row.items()} for row in rows],
    }


def _pictures(has_pictures: bool) -> dict[str, Any]:
    fields = [
        _field("pictures", column, kind, text, source=_source("fileObject", MANIFEST, column=column))
        for column, (kind, text) in _IN_MANIFEST.items()
    ]
    if has_pictures:
        # The files come first: mlcroissant joins to the left, and takes the path of the picture from there.
        by_name = next(field for field in fields if field["@id"] == "pictures/file_name")
        by_name["references"] = by_name["source"]
        by_name["source"] = _source("fileSet", _PICTURE_FILES["@id"], fileProperty="filename")
        content = _source("fileSet", _PICTURE_FILES["@id"], fileProperty="content")
        fields.append(_field("pictures", "image", "sc:ImageObject", "The picture itself.", source=content))
    return {
        "@type": "cr:RecordSet",
        "@id": "pictures",
        "name": "pictures",
        "description": "Each picture and its label.",
        "key": {"@id": "pictures/sha256"},
        "field": fields,
    }


def _field(of: str, name: str, kind: str | list[str], description: str, **more: Any) -> dict[str, Any]:
    said = {"@type": "cr:Field", "@id": f"{of}/{name}", "name": name, "description": description}
    return said | {"dataType": kind} | more


def _source(kind: str, name: object, **extract: str) -> dict[str, Any]:
    return {kind: {"@id": name}, "extract": extract}
