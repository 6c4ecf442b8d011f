"""Which tests are marked by their folder, and which of them one process runs together: `make test` has two at work.

A file stays whole, because its fixtures and what it imports are paid once for each process. Parts that share something dear (a running
studio, a PostgreSQL, torch, Gradio) are one group. The long groups come first, so that what is left at the end is short.
"""

from __future__ import annotations

from typing import Any

import pytest

# Folders whose tests work on a real database or the whole app, so that `make unit` is quick.
_STORE = ("db", "services", "web", "exports")
_STORE_FILES = ("test_backup_command.py", "test_account_command.py", "test_export_command.py")
# Files that import torch, which takes longer than most of their tests.
_TORCH = (
    "test_backend_transformers.py", "test_nano_decoding.py", "test_retrieval.py", "test_sft.py", "test_trainer.py", "test_exchange.py",
    "test_files.py", "test_latency_benchmark.py",
)  # fmt: skip
# Tests of the tabs of those who train; the second studio costs less than one process waiting for the other.
_PAGES = ("test_train.py", "test_models.py")
# Servers and browsers of their own, beside the studio that the other tests of the page share.
_HOUSES = ("test_account.py", "test_whole.py", "test_loop.py")
# In the order in which they are begun.
_ORDER = (
    "vllm", "browser", "chaos", "pages", "tests/chaos/test_update.py", "tests/training/synthesis/test_ray.py", "fitting", "loop", "torch",
    "web", "houses", "db", "services",
)  # fmt: skip


def arrange(items: list[pytest.Item]) -> None:
    """Mark the collected tests, and put the long groups first."""
    for item in items:
        folder, name = _place(item.nodeid)
        if folder in _STORE or name in _STORE_FILES or "database" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.store)
    items.sort(key=lambda item: _turn(group(item.nodeid)))


def scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives the groups, in their order, to the processes of pytest-xdist: the next one to whoever is done.

    xdist has groups of its own by a marker, which version 3.8 can't read any more with pytest 9.2; and it would begin with the group of
    most tests, not with the longest.
    """
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False
    made = LoadScopeScheduling(config, log)
    made._split_scope = group
    return made


def group(nodeid: str) -> str:
    """The group of a test."""
    folder, name = _place(nodeid)
    inner = nodeid.split("/")[-2]
    if name in _TORCH:
        return "torch"
    if folder == "engine":
        return "vllm"
    if folder == "browser":
        return "houses" if name in _HOUSES else "pages" if name in _PAGES else "browser"
    if name == "test_update.py":
        return nodeid.split("::")[0]
    if inner in ("fitting", "loop", "evaluation"):
        return "fitting" if inner == "fitting" else "loop"
    return folder if folder in ("chaos", "web", "db", "services") else nodeid.split("::")[0]


def _place(nodeid: str) -> tuple[str, str]:
    """First folder below tests ("" for none) and name of the file of a test."""
    _, *folders, name = nodeid.split("::")[0].split("/")
    return (folders[0] if folders else "", name)


def _turn(group: str) -> int:
    return _ORDER.index(group) if group in _ORDER else len(_ORDER)
