"""Checkpoints of a trainer: which one is the newest that is whole, and whose it is.

`transformers.Trainer` writes a checkpoint in place, weights first and trainer_state.json last. A process that is killed in between leaves
the highest number without its end, and the trainer's own search would choose just that one.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

_NAMED = re.compile(r"checkpoint-(\d+)")
_STATE, _OWNER = "trainer_state.json", "owner.json"
# What the optimizer leaves: one process or FSDP with whole states, FSDP with shards, DeepSpeed.
_OPTIMIZER = ("optimizer.pt", "optimizer.bin", "optimizer_*", "global_step*")
_WEIGHTS = ("model*.safetensors", "adapter_model.safetensors", "pytorch_model_fsdp*", "global_step*")


def newest(folder: Path) -> Path | None:
    """The newest whole checkpoint of a folder; None where there is none."""
    return next((path for _, path in reversed(_numbered(folder)) if whole(path)), None)


def step_of(checkpoint: Path | None) -> int:
    """The optimizer step after which a checkpoint was written; 0 for none."""
    found = _NAMED.fullmatch(checkpoint.name) if checkpoint else None
    return int(found[1]) if found else 0


def whole(checkpoint: Path) -> bool:
    """Whether a checkpoint has weights, optimizer and a readable state of its own step."""
    try:
        state = json.loads((checkpoint / _STATE).read_bytes())
    except (OSError, ValueError):
        return False
    parts = all(any(any(checkpoint.glob(pattern)) for pattern in patterns) for patterns in (_OPTIMIZER, _WEIGHTS))
    return parts and isinstance(state, dict) and state.get("global_step") == step_of(checkpoint)


def sweep(folder: Path) -> None:
    """Remove checkpoints that are not whole, so that none of them is counted among those kept."""
    for _, path in _numbered(folder):
        if not whole(path):
            shutil.rmtree(path)


def claim(folder: Path, owner: str) -> None:
    """Make a folder the one of `owner`, a text that names all that decides the weights. Checkpoints of another owner are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _OWNER
    try:
        before = json.loads(path.read_bytes())
    except (OSError, ValueError):
        before = None
    if before == {"owner": owner}:
        return
    for _, left in _numbered(folder):
        shutil.rmtree(left)
    path.write_text(json.dumps({"owner": owner}), encoding="utf-8")


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    """(step, folder) of everything that is called a checkpoint, by step."""
    found = [(int(match[1]), path) for path in folder.glob("checkpoint-*") if (match := _NAMED.fullmatch(path.name)) and path.is_dir()]
    return sorted(found)
