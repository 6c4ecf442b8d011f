"""Databases of both kinds without a table, as a new studio or a restore finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from db.session import Database
from tests.postgresql import fresh_schema

Fresh = Callable[[], Database]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.database)])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fresh]:
    """Makes databases that nobody migrated."""
    made: list[Database] = []

    def make() -> Database:
        if request.param == "sqlite":
            made.append(Database(f"sqlite:///{tmp_path / f'fresh{len(made)}.db'}"))
        else:
            made.append(Database(fresh_schema(request.getfixturevalue("postgres"), f"{request.node.name}{len(made)}")))
        return made[-1]

    yield make
    for database in made:
        database.close()
