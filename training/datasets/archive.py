"""Folders as one tar file and back. What comes from elsewhere is not believed: names, kinds and sizes are checked before it is written."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path, PurePosixPath

from app.ranking.errors import InputError

MOST_BYTES = 64 << 30
MOST_FILES = 10_000
_DEEPEST = 4  # folders


def pack(folder: Path, target: Path) -> None:
    """Write the files of a folder into an uncompressed tar: sorted, without times and owners, so that the same files give the same one."""
    with tarfile.open(target, "x", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            info = tarfile.TarInfo(path.relative_to(folder).as_posix())
            info.size, info.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                tar.addfile(info, file)


def unpack(source: Path, folder: Path, most: int = MOST_BYTES) -> Path:
    """Unpack an uncompressed tar into an empty folder; where all its files lie below one folder, that one is returned.

    Raises InputError for anything but plain files with plain names below the folder, for two files of one name, and for more than
    `most` bytes or MOST_FILES files. Compressed archives are not read: their size is not known before they are unpacked.
    """
    try:
        with tarfile.open(source, "r:") as tar:
            _take(tar, folder, most)
    except tarfile.TarError as error:
        raise InputError(
            f"{source.name!r} is no uncompressed tar, or its end is missing ({error}): unpack it by other means first"
        ) from error
    except OSError as error:
        raise InputError(f"{source.name!r} can't be unpacked: {error.strerror or error}") from error
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _take(tar: tarfile.TarFile, folder: Path, most: int) -> None:
    total = 0
    for count, member in enumerate(tar, start=1):
        path = folder / _safe(member.name)
        if count > MOST_FILES:
            raise InputError(f"the archive holds more than {MOST_FILES:,} files, which no data set does: it was not made for this")
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise InputError(f"{member.name[:80]!r} in the archive is no plain file: links and devices are not unpacked")
        total += member.size
        if total > most:
            raise InputError(f"the archive unpacks to more than {most:,} bytes: raise the limit if it is meant to")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise InputError(f"the archive holds {member.name[:80]!r} twice: it was not made for this")
        found = tar.extractfile(member)
        if found is None:
            raise InputError(f"{member.name[:80]!r} in the archive is no plain file: links and devices are not unpacked")
        with found, path.open("xb") as file:
            shutil.copyfileobj(found, file)


def _safe(name: str) -> PurePosixPath:
    """A name that stays below its folder on any system. Raises InputError."""
    path = PurePosixPath(name)
    wrong = path.is_absolute() or ".." in path.parts or any(letter in name for letter in "\\:\x00") or len(name) > 255
    if wrong or not path.parts or len(path.parts) > _DEEPEST or any(part.startswith(".") for part in path.parts if part != "."):
        raise InputError(f"the archive names a file {name[:80]!r} that would not lie plainly below its folder: it was not made for this")
    return path
