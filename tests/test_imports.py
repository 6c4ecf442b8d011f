"""The import rule of docs/architecture.md, read from the source with ast (nested imports too), and what an import may load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STANDARD = sys.stdlib_module_names

# Who may import whom of ours; the longest prefix of a module's name decides.
MAY: dict[str, tuple[str, ...]] = {
    "app.ranking": ("app.ranking",),
    "app.settings": ("app.ranking.errors",),
    "db": ("db", "app.ranking.values", "app.ranking.errors"),
    "app.exports": ("app.exports", "app.ranking", "db", "app.settings"),
    "app.artifacts": ("app.ranking", "db", "app.settings"),
    "app.evaluations": ("app.artifacts", "app.ranking", "db"),
    "app.reporting": ("app.reporting", "app.ranking"),
    "app.services": (
        "app.services",
        "app.artifacts",
        "app.evaluations",
        "app.exports",
        "app.ranking",
        "app.reporting",
        "db",
        "app.settings",
    ),
    "training": ("training", "app.artifacts", "app.evaluations", "app.exports", "app.ranking", "app.reporting", "db", "app.settings"),
    "app.ui": ("app.ui", "app.services", "app.exports", "app.ranking", "app.settings"),
    "app.web": ("app.web", "app.ui", "app.services", "app.artifacts", "app.exports", "app.ranking", "app.reporting", "app.settings"),
    "app.cli": ("app.cli", "app.artifacts", "app.services", "app.exports", "app.ranking", "app.reporting", "db", "app.settings"),
    "app.__main__": ("app.cli", "app.services", "app.exports", "app.ranking", "app.reporting", "db", "app.settings"),
    "app": (),
    "app.py": ("app", "db"),
}
OURS = ("app", "db", "training", "tests", "benchmarks")


def sources() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts == ("app",):
        return "app.py"
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[tuple[str, bool]]:
    """(module, relative) for every import of a file, nested ones too."""
    module = module_of(path)
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            known = [f"{stem}.{alias.name}" for alias in node.names if (ROOT / f"{stem}.{alias.name}".replace(".", "/")).exists()]
            yield from ((name, bool(node.level)) for name in (known or [stem]))


def rule_for(module: str) -> tuple[str, ...] | None:
    prefixes = [prefix for prefix in MAY if module == prefix or module.startswith(prefix + ".")]
    return MAY[max(prefixes, key=len)] if prefixes else None


@pytest.mark.parametrize("path", [path for path in sources() if rule_for(module_of(path)) is not None], ids=module_of)
def test_no_arrow_goes_back(path: Path) -> None:
    allowed = rule_for(module_of(path))
    assert allowed is not None
    for name, _ in imported(path):
        if name.split(".")[0] in OURS:
            assert any(name == prefix or name.startswith(prefix + ".") for prefix in allowed), f"{path} imports {name}"


@pytest.mark.parametrize("path", [path for path in sources() if module_of(path).startswith("app.ranking")], ids=module_of)
def test_the_core_uses_relative_imports_and_only_the_standard_library_at_import(path: Path) -> None:
    for name, relative in imported(path):
        assert relative or name.split(".")[0] != "app", f"{path} imports {name} absolutely: the package is installed as reasonrank too"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= STANDARD
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert (node.module or "").split(".")[0] in STANDARD, f"{path} loads {node.module} at import"


@pytest.mark.process
@pytest.mark.parametrize("module", ["app.ranking.ranker", "db.session", "app.services.runs", "app.services.studio", "app.settings"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    heavy = ["gradio", "torch", "transformers", "vllm", "trl", "sentence_transformers", "openvino", "pandas", "datasets"]
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_sizes() -> None:
    """Files of at most 400 lines, functions of at most 60, outside tests."""
    long: list[str] = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        if module_of(path).startswith("tests"):
            continue
        if text.count("\n") > 400:
            long.append(f"{path}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > 60:
                long.append(f"{path}: {node.name} has {(node.end_lineno or 0) - node.lineno + 1} lines")
    assert long == []
