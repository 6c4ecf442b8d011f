"""A synthesis on a real Ray cluster of two nodes, one of which is killed half-way, beside one that is made in this process.

Two raylets with their own object stores and workers share this machine; killing one (SIGKILL of all its processes) takes an actor with
its calls in flight, and blocks that were made and not yet fetched. The dataset must be the local one: examples, texts and verdicts byte
for byte. (The manifest beside them has the recipe's text, which names the executor.)
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.synthesis_kills import ROOT, Command
from tests.training.synthesis.counting_server import CountingServer
from tests.training.synthesis.world import CALLS, write_recipe, write_world

_WAIT = 400.0  # seconds
_RAY = '[executor]\nkind = "ray"\nactors = 2\nbatch = 2\n'
# A dead node is noticed within seconds; Ray's own default takes half a minute.
_SYSTEM = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 1000, "health_check_failure_threshold": 5}
_NODE: dict[str, Any] = {"num_cpus": 2, "object_store_memory": 100 * 1024 * 1024, "include_dashboard": False}


@dataclass(frozen=True)
class Plan:
    """A world of `queries` per domain; the second node dies when the share `at` of the calls has been asked, or not at all for 0."""

    queries: int = 20
    at: float = 0.4
    concurrency: int = 4
    seconds: float = 0.3


@dataclass
class Outcome:
    """What came of it. `hosts` is how many nodes had a living actor before the kill."""

    calls: int
    asked: int = 0
    repeated: int = 0
    counted: int = 0
    items: int = 0
    hosts: int = 0
    seconds: float = 0.0
    dataset: str = ""
    problems: list[str] = field(default_factory=list)


@contextmanager
def cluster() -> Iterator[tuple[Any, Any]]:
    """A head and a second node; the second one to be killed."""
    from ray.cluster_utils import Cluster

    os.environ.update(RAY_USAGE_STATS_ENABLED="0", PYTHONPATH=str(ROOT))
    made = Cluster(initialize_head=True, head_node_args={**_NODE, "_system_config": _SYSTEM})
    try:
        yield made, made.add_node(**{key: value for key, value in _NODE.items() if key != "include_dashboard"})
    finally:
        made.shutdown()


def killed_node(folder: Path, plan: Plan) -> Outcome:
    """The same recipe here and on the cluster; what differs, and what was asked twice without need."""
    began, found = time.monotonic(), Outcome(calls=2 * plan.queries * CALLS)
    with CountingServer(seconds=plan.seconds) as server:
        write_world(folder, server.address, plan.queries, concurrency=plan.concurrency)
        local = _end(Command(folder, "local"), found, "local")
        for counter in (server.asked, server.whole):
            counter.clear()
        write_recipe(folder, concurrency=plan.concurrency, more=_RAY)
        with cluster() as (made, second):
            os.environ["RAY_ADDRESS"] = made.address
            command = Command(folder, "ray")
            at_kill = _kill(server, command, made, second, plan, found)
            there = _end(command, found, "ray")
        os.environ.pop("RAY_ADDRESS", None)
        found.asked, found.repeated = len(server.asked), server.asked.total() - len(server.asked)
        found.counted = int(command.rows("SELECT sum(repeats) FROM syntheses")[0][0] or 0)
        found.items = int(command.rows("SELECT count(*) FROM synthesis_items")[0][0])
        found.problems += _judge(plan, server, found, at_kill)
    if local != there or not local:
        found.problems.append(f"the dataset is {there}, made here it is {local}")
    found.dataset, found.seconds = local, round(time.monotonic() - began, 1)
    return found


def _kill(server: CountingServer, command: Command, made: Any, second: Any, plan: Plan, found: Outcome) -> set[str]:
    """Kill the second node once so much has been asked; hashes of the prompts that had no stored answer then."""
    if not plan.at:
        return set()
    deadline = time.monotonic() + _WAIT
    while len(server.asked) < plan.at * found.calls and command.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    sessions = command.rows("SELECT count(DISTINCT session) FROM teacher_calls WHERE session != ''")
    found.hosts = int(sessions[0][0]) if sessions else 0
    made.remove_node(second, allow_graceful=False)
    return {str(row[0]) for row in command.rows("SELECT prompt_hash FROM teacher_calls WHERE completion IS NULL")}


def _end(command: Command, found: Outcome, name: str) -> str:
    """Id of the dataset that a command ends with: a hash of the bytes of its examples, texts and verdicts."""
    status, said = command.end()
    if status:
        found.problems.append(f"{name}: status {status}: {said[-800:]}")
        return ""
    rows = command.rows("SELECT id FROM dataset_versions")
    return str(rows[0][0]) if len(rows) == 1 else f"{len(rows)} datasets"


def _judge(plan: Plan, server: CountingServer, found: Outcome, at_kill: set[str]) -> list[str]:
    problems = []
    if found.asked != found.calls:
        problems.append(f"{found.asked} different calls were made, not {found.calls}")
    if found.items != 2 * plan.queries:
        problems.append(f"{found.items} items are stored, not {2 * plan.queries}")
    if plan.at and found.hosts < 2:
        problems.append("one session alone was asking: nothing ran on the second node")
    # Calls that were opened between the reading of the database and the end of the node are in flight too.
    if found.repeated > len(at_kill) + plan.concurrency or found.repeated > 2 * plan.concurrency:
        problems.append(f"{found.repeated} calls were repeated, at most {len(at_kill)} were in flight at the kill")
    return problems
