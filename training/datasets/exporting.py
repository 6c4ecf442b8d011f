"""Versions for others: one line per format; a file or folder that is whole or not there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.ranking.cache import new_folder
from app.ranking.errors import InputError, SettingsError
from app.ranking.prompts import template_for
from app.ranking.protocols import PromptTemplate

from .archive import pack
from .hub import write_hub
from .released import write_released
from .rendering import Rendering
from .trainers import write_alpaca, write_trl, write_verl
from .values import CARD, FILES
from .version import Version

Write = Callable[[Version, PromptTemplate, Rendering, Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format by what it is for. `rendered` says that it is made for one prompt profile."""

    about: str
    write: Write
    rendered: bool = False


def _own(version: Version, _template: PromptTemplate, _how: Rendering, folder: Path) -> None:
    for name in FILES:
        shutil.copyfile(version.folder / name, folder / name)


FORMATS: dict[str, Format] = {
    "folder": Format(about="the version as it is, to be imported elsewhere", write=_own),
    "reasonrank": Format(
        about="the layout of ReasonRank's released data", write=lambda version, template, how, folder: write_released(version, folder)
    ),
    "huggingface": Format(
        about="a folder that datasets.load_dataset reads", write=lambda version, template, how, folder: write_hub(version, folder)
    ),
    "trl": Format(about="JSON lines for TRL: sft.jsonl and rl.jsonl", write=write_trl, rendered=True),
    "alpaca": Format(about="sft.json for LLaMA-Factory: instruction, output, system", write=write_alpaca, rendered=True),
    "verl": Format(about="train.parquet of the stage rl in verl's columns", write=write_verl, rendered=True),
}


def export(version: Version, name: str, target: Path, template: str = "reasonrank", how: Rendering | None = None) -> Rendering:
    """Write a version in a format to a new folder, or a new file where the name ends in .tar; what was left out is in the result.

    Every folder has the card, so that licences and limits travel with the data. Raises SettingsError for an unknown format or profile,
    InputError where the target is there already.
    """
    if name not in FORMATS:
        raise SettingsError(f"there is no format {name!r}: choose among {', '.join(FORMATS)}")
    if target.exists():
        raise InputError(f"{str(target)!r} is there already: name a new one")
    how, used = how or Rendering(), template_for(template)
    if target.suffix != ".tar":
        with new_folder(target) as folder:
            _fill(version, name, folder, used, how)
        return how
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=target.parent) as made:
        _fill(version, name, Path(made) / "files", used, how)
        pack(Path(made) / "files", Path(made) / "whole.tar")
        (Path(made) / "whole.tar").rename(target)
    return how


def _fill(version: Version, name: str, folder: Path, template: PromptTemplate, how: Rendering) -> None:
    folder.mkdir(exist_ok=True)
    FORMATS[name].write(version, template, how, folder)
    if not (folder / CARD).exists():
        shutil.copyfile(version.folder / CARD, folder / CARD)
