"""Elements of XML files larger than the memory, by defusedxml: entities and external references are refused."""

from __future__ import annotations

import xml.etree.ElementTree as trees
from collections.abc import Iterator
from pathlib import Path

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from app.ranking.errors import InputError
from app.ranking.formats.topics import naming
from training.synthesis.sources.files import opened


def elements(path: Path, name: str) -> Iterator[trees.Element]:
    """Elements of a name (without its namespace), in order; each is emptied once the next one is asked for. No element is in another.

    Raises InputError naming file and line for XML that is malformed, ends early or brings entities.
    """
    with naming(path), opened(path) as file:
        depth, root = 0, None
        try:
            for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
                root = element if root is None else root
                depth += 1 if event == "start" else -1
                if event == "end" and local(element) == name:
                    yield element
                if event == "end" and depth == 1:
                    root.clear()  # what is read hangs on the root otherwise, to the end of the file
        except trees.ParseError as error:
            raise InputError(f"line {error.position[0]}: is not whole XML ({error}): load the dump again") from error
        except DefusedXmlException as error:
            raise InputError(
                f"it declares entities or a document type ({type(error).__name__}), which no dump does: it is refused"
            ) from error


def local(element: trees.Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]
