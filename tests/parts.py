"""Which tests are marked by their folder, and which of them one process runs together: `make test` has two at work.

A file stays whole, because its fixtures and what it imports are paid once for each process. Parts that share something dear (a running
studio, a PostgreSQL, torch, Gradio) are one group. The long groups come first, so that what is left at the end is short.
"""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Folders whose tests work on a real database or the whole app, so that `make unit` is quick.
_STORE = ("db", "services", "web", "exports")
_STORE_FILES = ("test_backup_command.py", "test_account_command.py", "test_export_command.py")
# Files that import torch, which takes longer than most of their tests.
_TORCH = (
    "test_backend_transformers.py", "test_nano_decoding.py", "test_retrieval.py", "test_sft.py", "test_trainer.py", "test_exchange.py",
    "test_files.py",
)  # fmt: skip
# Servers and browsers of their own, beside the studio that the other tests of the page share.
_HOUSES = ("test_account.py", "test_whole.py")
# In the order in which they are begun.
_ORDER = ("vllm", "browser", "chaos", "torch", "web", "houses", "db", "services")


def arrange(items: list[pytest.Item]) -> None:
    """Mark and group the collected tests, and put the long groups first."""
    for item in items:
        folder, name = _place(item.path)
        if folder in _STORE or name in _STORE_FILES or "database" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.store)
        item.add_marker(pytest.mark.xdist_group(_group(folder, name)))
    items.sort(key=_turn)


def _place(path: Path) -> tuple[str, str]:
    """First folder below tests ("" for none) and name of a test file."""
    inside = path.relative_to(HERE).parts if path.is_relative_to(HERE) else (path.name,)
    return (inside[0] if len(inside) > 1 else "", path.name)


def _group(folder: str, name: str) -> str:
    if name in _TORCH:
        return "torch"
    if folder == "engine":
        return "vllm"
    if folder == "browser":
        return "houses" if name in _HOUSES else "browser"
    return folder if folder in ("chaos", "web", "db", "services") else f"{folder}.{name.removesuffix('.py')}".lstrip(".")


def _turn(item: pytest.Item) -> int:
    marker = item.get_closest_marker("xdist_group")
    group = marker.args[0] if marker else ""
    return _ORDER.index(group) if group in _ORDER else len(_ORDER)
