"""Projects: rules, guidelines, progress, and who may change them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.ranking.errors import Conflict, Forbidden, InputError, NotFound
from app.services.actors import LOCAL
from app.services.projects import Projects
from db.models_log import Event
from db.models_projects import Task
from tests.services.queue_house import BEN, House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_project_gets_what_was_left_out(house: House) -> None:
    made = house.projects.create(LOCAL, {"name": "A", "overlap": 3})
    assert (made["overlap"], made["view"], made["shown"], len(made["grades"]), made["state"]) == (3, "blind", "random", 4, "open")
    assert made["guidelines"]["version"] == 1 and 120 < len(made["guidelines"]["text"].split()) < 220
    assert made["mine"] == {"submitted": 0, "skipped": 0, "flagged": 0, "cannot_judge": 0, "later": 0, "tutorial_left": 5}
    assert (made["tasks"], made["judged"]) == (0, 0)
    assert house.projects.list(BEN) == [made] and house.projects.get(BEN, made["id"]) == made
    with house.database.read() as session:
        assert session.scalars(sa.select(Event.action)).all() == ["project.created"]
        assert session.scalars(sa.select(Task.kind)).all() == ["tutorial"] * 5


def test_own_guidelines_and_the_consent_are_kept(house: House) -> None:
    projects = Projects(house.database, consent_version="2026-11")
    made = asyncio.run(projects.create(LOCAL, {"name": "A", "guidelines": "# Mine", "tutorial": False}))
    assert made["guidelines"]["text"] == "# Mine" and made["mine"]["tutorial_left"] == 0
    second = house.projects.add_guidelines(LOCAL, made["id"], "# Newer")
    assert second["version"] == 2 and house.projects.get(LOCAL, made["id"])["guidelines"] == second
    house.add(made["id"], 1)
    task = house.next(made["id"])
    assert task["guidelines"] == second
    house.projects.add_guidelines(LOCAL, made["id"], "# Newest")
    assert house.queue.get(LOCAL, task["assignment"])["guidelines"] == second  # what was judged keeps what it was judged under
    with pytest.raises(InputError, match="empty"):
        house.projects.add_guidelines(LOCAL, made["id"], " \n")


def test_rules_change_and_the_state_of_tasks_follows_the_overlap(house: House) -> None:
    project_id = house.project(1, overlap=1)
    house.save(house.next(project_id))
    assert house.projects.get(LOCAL, project_id)["judged"] == 1 and house.next(project_id, BEN) is None
    changed = house.projects.update(LOCAL, project_id, {"overlap": 2, "name": "B", "tutorial": True})
    assert (changed["judged"], changed["name"], changed["mine"]["tutorial_left"]) == (0, "B", 5)
    house.projects.update(LOCAL, project_id, {"tutorial": False})
    assert house.next(project_id, BEN)["kind"] == "task"
    assert house.projects.update(LOCAL, project_id, {"overlap": 1})["judged"] == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"overlap": 0}, "overlap is 0"),
        ({"depth": 1}, "depth is 1"),
        ({"gold_share": 0.95}, "gold_share"),
        ({"audit_share": -0.5}, "audit_share"),
        ({"lease_minutes": 20_000}, "lease_minutes"),
        ({"grades": ["only"]}, "1 grades"),
        ({"grades": ["a", "a"]}, "same label"),
    ],
)
def test_rules_under_which_nobody_could_work_are_refused(house: House, values: dict[str, Any], message: str) -> None:
    project_id = house.project(0)
    with pytest.raises(InputError, match=message):
        house.projects.create(LOCAL, {"name": "B", **values})
    with pytest.raises(InputError, match=message):
        house.projects.update(LOCAL, project_id, values)
    assert len(house.projects.list(LOCAL)) == 1


def test_names_are_taken_once_and_annotators_make_no_rules(house: House) -> None:
    project_id = house.project(0)
    with pytest.raises(Conflict, match="'A' already"):
        house.projects.create(LOCAL, {"name": "A"})
    other = house.projects.create(LOCAL, {"name": "B"})
    with pytest.raises(Conflict, match="'A' already"):
        house.projects.update(LOCAL, other["id"], {"name": "A"})
    assert house.projects.update(LOCAL, project_id, {"name": "A"})["name"] == "A"
    with pytest.raises(NotFound):
        house.projects.update(LOCAL, "none", {"name": "C"})
    refused: list[tuple[Any, tuple[Any, ...]]] = [
        (house.projects.create, ({"name": "C"},)),
        (house.projects.update, (project_id, {"overlap": 1})),
        (house.projects.add_guidelines, (project_id, "x")),
        (house.imports.add_lists, (project_id, "plain", [])),
    ]
    for method, given in refused:
        with pytest.raises(Forbidden):
            method(BEN, *given)
