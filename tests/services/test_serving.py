"""What answers follows the database without a restart, and no run notices: real weights, real runs, a real model server."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.ranking.errors import Conflict, StoreError
from app.ranking.protocols import Backend
from app.services.actors import LOCAL
from app.services.runs import RunRequest
from app.services.studio import Studio
from app.settings import ModelEntry, Settings
from db import backup
from db.session import Database
from db.store import actors, versions
from db.store.versions import NewModel
from tests.databases import migrated
from tests.openai_server import OpenAIServer
from tests.services.serving_world import ASKED, SHIPPED, Gated, World, play, until

FAR: dict[str, Any] = {"name": "far", "backend": "openai", "profile": "reasonrank", "model": "begun"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = migrated(tmp_path / "studio.db")
    with database.write() as session:
        actors.ensure(session, LOCAL.id, LOCAL.name, LOCAL.roles)
    yield database
    database.close()


@pytest.fixture
def world(tmp_path: Path, database: Database) -> World:
    return World(tmp_path, database)


def test_a_new_database_is_served_the_weights_that_ship(world: World) -> None:
    async def work() -> None:
        assert await world.run() == ("finished", "clean", SHIPPED)
        assert world.said() == (SHIPPED, "serving") and world.serving.versions() == {"nano": SHIPPED}
        await world.models.aclose()

    play(work)
    with world.database.read() as session:
        assert versions.active(session, "nano") == SHIPPED


def test_what_is_promoted_answers_without_a_restart_and_going_back_does_too(world: World) -> None:
    async def work() -> None:
        await world.serving.settle()
        following = asyncio.create_task(world.serving.follow())
        made = await world.version(1)
        await world.promote(made)
        await until(lambda: world.said() == (made, "serving"))
        assert await world.run() == ("finished", "clean", made)
        backend = world.models.backends.current("nano")
        assert backend.revision == made[:16] != SHIPPED[:16]
        await world.roll_back()
        await until(lambda: world.said() == (SHIPPED, "serving"))
        assert await world.run() == ("finished", "clean", SHIPPED)
        following.cancel()
        await world.models.aclose()

    play(work)


def test_a_swap_under_load_loses_no_run(tmp_path: Path, database: Database) -> None:
    async def work() -> None:
        gated = Gated()
        world = World(tmp_path, database, makers={"nano": lambda entry: gated})
        old = [await world.runs.start(LOCAL, ASKED) for _ in range(6)]
        await until(lambda: gated.begun == len(old))
        made = await world.version(1)
        await world.promote(made)
        await world.serving.look()
        assert [await world.run() for _ in range(6)] == [("finished", "clean", made)] * 6
        assert not gated.closed and world.runs.active == len(old)
        await world.runs.stop(LOCAL, old.pop())
        assert not gated.closed, "one run less is not the last"
        gated.gate.set()
        assert [await world.ended(token) for token in old] == [("finished", "clean", SHIPPED)] * 5
        await until(lambda: gated.closed)
        assert await world.run() == ("finished", "clean", made)
        await world.models.aclose()

    play(work)


def test_weights_that_nobody_uses_are_freed_at_once(tmp_path: Path, database: Database) -> None:
    async def work() -> None:
        gated = Gated()
        world = World(tmp_path, database, makers={"nano": lambda entry: gated})
        await world.serving.settle()
        await world.promote(await world.version(1))
        await world.serving.look()
        await until(lambda: gated.closed)
        await world.models.aclose()

    play(work)


def test_a_lease_is_released_once_and_when_a_run_can_not_begin(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        lease = await world.models.lease("nano")
        first = world.models.backends.current("nano")
        await world.promote(await world.version(1))
        await world.serving.look()
        lease.release()
        lease.release()
        second = await world.models.lease("nano")
        assert second.backend is not first and second.version != lease.version
        second.release()

        def full(*_: object) -> str:
            raise StoreError("the disk is full")

        monkeypatch.setattr(world.runs, "_create", full)
        with pytest.raises(StoreError, match="full"):
            await world.runs.start(LOCAL, ASKED)
        closed: list[str] = []
        backend = world.models.backends.current("nano")
        monkeypatch.setattr(type(backend), "aclose", _noted(closed))
        await world.roll_back()
        await world.serving.look()
        await until(lambda: bool(closed))  # the run that never began holds nothing

    play(work)


def _noted(closed: list[str]) -> Callable[[Backend], Awaitable[None]]:
    async def aclose(self: Backend) -> None:
        closed.append(self.revision)

    return aclose


def break_it(folder: Path, how: str) -> None:
    """Damage an artifact that lies in the store."""
    if how == "gone":
        shutil.rmtree(folder)
        return
    name = {"weights": "model.safetensors", "config": "config.json", "bit": "model.safetensors"}[how]
    path = folder / name
    whole = path.read_bytes()
    path.chmod(0o644)
    changed = bytes([whole[-1] ^ 1])
    path.write_bytes(whole[:-1] + changed if how == "bit" else b"{" if how == "config" else whole[:1000])


@pytest.mark.parametrize("how", ["gone", "weights", "config", "bit"])
def test_a_damaged_version_leaves_the_old_one_answering_and_says_so(world: World, how: str) -> None:
    async def work() -> None:
        await world.serving.settle()
        made = await world.version(1)
        break_it(world.folders[made], how)
        await world.promote(made)
        await world.serving.look()
        assert world.said() == (SHIPPED, "failed")
        (told,) = world.serving.view()
        assert made[:8] in told["text"] and "goes on answering" in told["text"]
        assert await world.run() == ("finished", "clean", SHIPPED)
        await world.serving.look()  # not tried again at once
        await world.roll_back()
        await world.serving.look()
        assert world.said() == (SHIPPED, "serving")
        await world.models.aclose()

    play(work)


def test_a_folder_whose_weights_are_not_what_the_version_names_is_not_served(world: World) -> None:
    async def work() -> None:
        await world.serving.settle()
        made = await world.version(1)
        other = await world.enter(NewModel(id="d" * 64, name="nano", artifact_hash=world.folders[made].name))
        await world.promote(other)
        await world.serving.look()
        assert world.said() == (SHIPPED, "failed") and "not those that its id names" in world.serving.view()[0]["text"]

    play(work)


def test_a_damaged_version_is_found_as_soon_as_it_is_mended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.serving._AGAIN_SECONDS", 0.0)

    async def work() -> None:
        await world.serving.settle()
        made = await world.version(1)
        folder = world.folders[made]
        aside = world.folder / "aside"
        shutil.move(folder, aside)
        await world.promote(made)
        await world.serving.look()
        assert world.said() == (SHIPPED, "failed")
        shutil.move(aside, folder)
        await world.serving.look()
        assert world.said() == (made, "serving")
        await world.models.aclose()

    play(work)


def test_a_database_that_can_not_be_asked_changes_nothing_and_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(session: object) -> None:
        raise StoreError("the database can't be used now: gone")

    async def work() -> None:
        await world.serving.settle()
        with monkeypatch.context() as patch:
            patch.setattr(versions, "serving", broken)
            await world.serving.look()
            assert "gone" in world.serving.view()[0]["text"]
        assert await world.run() == ("finished", "clean", SHIPPED)
        await world.serving.look()
        assert world.serving.view()[0]["text"] == ""

    play(work)


def test_the_active_version_answers_after_a_restart_and_a_damaged_one_does_not_stop_the_studio(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path / 'studio.db'}")

    async def first(studio: Studio, helper: World) -> str:
        made = await helper.version(1)
        await studio.serving.settle()
        await helper.promote(made)
        await studio.aclose()
        return made

    async def again(studio: Studio) -> tuple[Any, Any, list[str]]:
        lease = await studio.models.lease("nano")  # a run that comes before anything was warmed
        await studio.models.warm()
        told = studio.serving.view()[0]
        lease.release()
        counted = [name for name in studio.counters() if name.startswith("model_version.")]
        await studio.aclose()
        return lease.version, told, counted

    studio, database = Studio.open(settings), Database(settings.database_url)
    made = asyncio.run(first(studio, World(tmp_path, database)))
    database.close()
    version, told, counted = asyncio.run(again(Studio.open(settings)))
    assert version == told["version"] == made and counted == [f"model_version.nano.{made}"]
    shutil.rmtree(settings.artifacts_dir)
    version, told, counted = asyncio.run(again(Studio.open(settings)))
    assert (version, told["version"], told["state"]) == (SHIPPED, SHIPPED, "failed")
    assert counted == [f"model_version.nano.{SHIPPED}"]


def test_a_promoted_version_comes_back_with_a_backup(world: World, tmp_path: Path) -> None:
    async def work() -> str:
        await world.serving.settle()
        made = await world.version(1)
        await world.promote(made)
        return made

    async def after(other: World) -> tuple[str, str | None, str | None]:
        run = await other.run()
        await other.models.aclose()
        return run

    made = asyncio.run(work())
    backup.write(world.database, tmp_path / "b.tar", tmp_path)
    database = Database(f"sqlite:///{tmp_path / 'other' / 'studio.db'}")
    backup.restore(database, tmp_path / "b.tar", tmp_path / "other")
    assert asyncio.run(after(World(tmp_path / "other", database))) == ("finished", "clean", made)
    database.close()


async def hub(world: World, number: str, served_as: str) -> str:
    digest = number * 64
    return await world.enter(NewModel(id=digest, name="far", artifact_hash=digest, report={"served_as": served_as}))


def test_a_version_waits_until_its_server_lists_it(tmp_path: Path, database: Database) -> None:
    async def work() -> None:
        with OpenAIServer(listed=["begun"]) as server:
            world = World(tmp_path, database, ModelEntry(**FAR, address=server.address))
            ask = RunRequest(query="why?", model="far")
            assert (await world.run(ask))[2] is None and server.bodies[-1]["model"] == "begun"
            first, second = await hub(world, "1", "far-1"), await hub(world, "2", "far-2")
            await world.promote(first, waiting=True)
            await world.serving.look()
            await world.serving.arrivals()
            assert world.said("far") == (None, "waiting") and "far-1" in world.serving.view()[1]["text"]
            assert (await world.run(ask))[2] is None
            server.listed = ["begun", "far-1"]
            await world.serving.arrivals()
            assert world.said("far") == (first, "serving")
            assert await world.run(ask) == ("finished", "clean", first) and server.bodies[-1]["model"] == "far-1"
            server.listed = ["begun", "far-1", "far-2"]
            await world.promote(second, waiting=True)
            following = asyncio.create_task(world.serving.follow())
            await until(lambda: world.said("far") == (second, "serving"))
            following.cancel()
            await world.roll_back("far")
            await world.roll_back("far")
            await world.serving.look()
            assert await world.run(ask) == ("finished", "clean", None) and server.bodies[-1]["model"] == "begun"
            with pytest.raises(Conflict):
                await world.roll_back("far")

    play(work)


def test_a_server_that_lists_nothing_or_is_away_lets_nothing_arrive(tmp_path: Path, database: Database) -> None:
    async def work() -> None:
        with OpenAIServer() as server:
            world = World(tmp_path, database, ModelEntry(**FAR, address=server.address))
            await world.promote(await hub(world, "1", "far-1"), waiting=True)
            await world.serving.look()
            await world.serving.arrivals()
            assert world.said("far") == (None, "waiting")
        await world.serving.arrivals()
        assert world.said("far") == (None, "waiting")

    play(work)


def test_a_version_without_an_entry_of_the_models_file_says_what_is_missing(world: World) -> None:
    async def work() -> None:
        await world.promote(await hub(world, "1", "far-1"), waiting=True)
        await world.serving.look()
        await world.serving.arrivals()
        assert world.said("far") == (None, "waiting") and "no entry 'far'" in world.serving.view()[1]["text"]

    play(work)
