"""Where the studio's data lies, for verbs that work on it without the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.settings import Settings

DataDir = Annotated[Path | None, typer.Option(help="the studio's data folder")]
DatabaseUrl = Annotated[str, typer.Option(help="the studio's database, where it is not in the data folder")]


def settings_of(data_dir: Path | None, database_url: str, *, new: bool = False) -> Settings:
    """Settings with these two set. Raises SettingsError where there is no database, unless a `new` one is to be made."""
    from app.ranking.errors import SettingsError
    from app.settings import Settings

    flags = [*(["--data-dir", str(data_dir)] if data_dir else []), *(["--database-url", database_url] if database_url else [])]
    settings = Settings.load(flags)
    if not new and not settings.database_url and not (settings.data_dir / "studio.db").exists():
        raise SettingsError(f"there is no studio.db in {str(settings.data_dir)!r}: name the data folder with --data-dir")
    return settings
