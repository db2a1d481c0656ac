"""Croissant metadata (MLCommons, version 1.0): a JSON-LD description of a data set's files and columns. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]
CONTEXT: Final[
    Mapping[str, Any]
] = {  # the terms of the format, as its specification (mlcommons.org/croissant/1.0) names them
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    **{
        name: f"cr:{name}"
        for name in (
            *("citeAs", "column", "extract", "field", "fileObject", "fileProperty", "fileSet", "format", "includes"),
            *("jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated"),
            *("replace", "separator", "source", "subField", "transform", "isLiveDataset", "equivalentProperty"),
        )
    },
    "rai": "http://mlcommons.org/croissant/RAI/",
    "samplingRate": "cr:samplingRate",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
}
ENCODINGS: Final = {  # by the ending of a file
    ".jsonl": "application/jsonlines",
    ".json": "application/json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".parquet": "application/x-parquet",
}
_TYPES: Final = {bool: "sc:Boolean", int: "sc:Integer", float: "sc:Float", str: "sc:Text"}


@dataclass(frozen=True, slots=True)
class DescribedFile:
    """A data file.

    Attributes:
        path: its path in the repository.
        config: the configuration that it belongs to.
        split: its split.
        size: its size in bytes.
        sha256: the digest of its content.
        columns: a value of each column.
    """

    path: str
    config: str
    split: str
    size: int
    sha256: str
    columns: Mapping[str, Any]


def croissant(name: str, description: str, licence: str, address: str, files: Sequence[DescribedFile]) -> Json:
    """Return the Croissant description of a data set.

    Args:
        name: its name.
        description: what it is, in a sentence.
        licence: its licence, or `unknown`.
        address: where it will be.
        files: its data files.
    """
    described = [file for file in files if _ending(file.path) in ENCODINGS]
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "name": name,
        "description": description,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": licence,
        "url": address,
        "distribution": [_file(file) for file in described],
        "recordSet": [_record_set(file) for file in described],
    }


def sample_columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a value of each column: the first one that is not missing, else None."""
    found: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            if found.get(name) is None:
                found[name] = value
    return found


def _ending(path: str) -> str:
    return path[path.rfind(".") :]


def _file(file: DescribedFile) -> Json:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentSize": f"{file.size} B",
        "contentUrl": file.path,
        "encodingFormat": ENCODINGS[_ending(file.path)],
        "sha256": file.sha256,
    }


def _record_set(file: DescribedFile) -> Json:
    identity = f"{file.config}/{file.split}"
    fields = [_field(identity, file.path, name, value) for name, value in file.columns.items()]
    return {"@type": "cr:RecordSet", "@id": identity, "name": identity, "field": [f for f in fields if f is not None]}


def _field(parent: str, path: str, column: str, value: Any) -> Json | None:
    """The field of a column; lists of texts repeat, and lists of objects have fields of their own. None for other values."""
    source: Json = {"fileObject": {"@id": path}, "extract": {"column": column}}
    field: Json = {"@type": "cr:Field", "@id": f"{parent}/{column}", "name": f"{parent}/{column}"}
    if isinstance(value, list):
        first = value[0] if value else ""
        field["repeated"] = True
        if isinstance(first, dict):
            field["subField"] = [
                {
                    "@type": "cr:Field",
                    "@id": f"{parent}/{column}/{name}",
                    "name": f"{parent}/{column}/{name}",
                    "dataType": _TYPES[type(inner)],
                    "source": source | {"transform": {"jsonPath": name}},
                }
                for name, inner in first.items()
                if type(inner) in _TYPES
            ]
            return field
        value = first
    if value is not None and type(value) not in _TYPES:
        return None
    return field | {"dataType": _TYPES.get(type(value), "sc:Text"), "source": source}
