"""Items made by several processes on one or many hosts: Ray Data over a pool of actors, each with a workshop of its own.

The source is read once, here, into shards of a spool file; an actor beside it hands shards out, so that no other host needs the source.
A shard whose actor died is made again by another one: what the teacher had answered is in the database, and what the dead actor had in
flight is given free first. Memory stays flat: shards lie on disk, and Ray Data holds its workers back while results wait to be fetched.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import SettingsError

from ..calls import BudgetSpent
from ..recipe import ExecutorTable
from ..values import Item, SourceItem, read_item
from ..workshop import Order
from .ray_actors import Feed, Maker
from .spool import Spool

_ROOT = Path(__file__).resolve().parents[3]
_LOOK = 0.2
# Making items is waiting for a teacher. So small a share lets all actors find room on what is left when a host dies.
_CPUS = 0.1
# Each block is a task with a few kilobytes of bookkeeping; a longer source has several shards a block.
_BLOCKS = 5_000
_TOLD = ('the package ray is not installed here: pip install -r requirements-ray.txt, or choose executor.kind = "local"',)


class RayExecutor:
    """Implements `Executor`. It joins the cluster named by RAY_ADDRESS, or starts one on this host for as long as it runs."""

    def __init__(self, table: ExecutorTable) -> None:
        self._table = table

    def run(self, order: Order, items: Iterable[tuple[int, SourceItem]], watch: Watch) -> Iterator[Item]:
        """See `Executor`. Raises SettingsError where Ray is missing or its cluster can't be joined."""
        with Spool.filled(items, max(1, self._table.batch), watch) as spool:
            if spool.shards:
                with _joined() as ray:
                    yield from self._made(ray, order, spool, watch)
            if spool.error is not None:
                raise spool.error

    def _made(self, ray: Any, order: Order, spool: Spool, watch: Watch) -> Iterator[Item]:
        feed = _feed(ray, spool)
        line = _Line(self._rows(ray, order, feed, spool))
        spent = ""
        for row in line.rows(watch):
            if "spent" in row:
                spent = spent or row["spent"]
                # What others have begun may still end; shards that nobody has begun come back empty.
                feed.stop.remote()
            else:
                yield read_item(row)
        if spent:
            raise BudgetSpent(spent)

    def _rows(self, ray: Any, order: Order, feed: Any, spool: Spool) -> Iterator[dict[str, Any]]:
        """Rows of all shards as they are made: items, or `spent`."""
        actors = min(self._table.actors or _hosts(ray), spool.shards)
        share = replace(order, session="", concurrency=max(1, -(-order.recipe().teacher.concurrency // actors)))
        ray.data.DataContext.get_current().enable_progress_bars = False
        # Numbers lie in this host's memory: no reading task that would have to be done again, or would wait for a core.
        numbers = ray.data.from_items([{"id": shard} for shard in range(spool.shards)], override_num_blocks=min(spool.shards, _BLOCKS))
        made = numbers.map_batches(
            Maker,
            fn_constructor_args=(share, feed),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=_CPUS,
        )
        for row in made.iter_rows():
            yield json.loads(row["row"])


class _Line:
    """Fetches rows on a thread, so that a cancelled run need not wait for the next one."""

    def __init__(self, made: Iterator[dict[str, Any]]) -> None:
        self._made = made
        self._said: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue(maxsize=64)
        self._stopped = threading.Event()

    def rows(self, watch: Watch) -> Iterator[dict[str, Any]]:
        """All rows. Raises Cancelled, or what went wrong with Ray."""
        thread = threading.Thread(target=self._fetch, name="ray rows", daemon=True)
        thread.start()
        try:
            while True:
                if watch.cancelled():
                    raise Cancelled("the synthesis was stopped on request")
                with contextlib.suppress(queue.Empty):
                    said = self._said.get(timeout=_LOOK)
                    if isinstance(said, BaseException):
                        raise said
                    if said is None:
                        return
                    yield said
        finally:
            self._stopped.set()

    def _fetch(self) -> None:
        end: BaseException | None = None
        try:
            for row in self._made:
                if not self._put(row):
                    return
        except BaseException as error:  # told to whoever fetches the rows
            end = error
        self._put(end)

    def _put(self, said: dict[str, Any] | BaseException | None) -> bool:
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._said.put(said, timeout=_LOOK)
                return True
        return False


@contextlib.contextmanager
def _joined() -> Iterator[Any]:
    """Ray, connected; what was started or joined here is left at the end, and its actors with it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise SettingsError(*_TOLD) from error
    was = ray.is_initialized()
    if not was:
        _join(ray)
    try:
        yield ray
    finally:
        if not was:
            ray.shutdown()


def _join(ray: Any) -> None:
    # A submitted job has brought its code along; anywhere else workers find ours where this process did.
    found = {} if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ else {"env_vars": {"PYTHONPATH": str(_ROOT)}}
    try:
        ray.init(
            # Without an address Ray joins whatever cluster ran on this machine last, and waits for one that is gone.
            address=os.environ.get("RAY_ADDRESS") or "local",
            include_dashboard=False if not os.environ.get("RAY_ADDRESS") else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env=found or None,
        )
    except Exception as error:  # Ray raises plain ones, for one when a node does not come up within 30 s
        ray.shutdown()
        raise SettingsError(f"no Ray cluster can be joined or started: {str(error).splitlines()[0]}; see docs/operate.md") from error


def _feed(ray: Any, spool: Spool) -> Any:
    """The actor that hands out shards, on this host because the spool lies here."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(Feed).options(num_cpus=0, scheduling_strategy=here).remote(str(spool.path), list(spool.offsets))


def _hosts(ray: Any) -> int:
    nodes: Sequence[dict[str, Any]] = ray.nodes()
    return max(1, sum(bool(node["Alive"]) for node in nodes))
