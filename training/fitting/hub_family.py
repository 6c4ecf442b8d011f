"""Models of the transformers library: supervised fine-tuning and GRPO by TRL, alone or started on several devices."""

from __future__ import annotations

from pathlib import Path

from app.ranking.backends.transformers import TransformersBackend
from app.ranking.errors import SettingsError
from app.ranking.protocols import Backend

from .values import Fit, Fitted


class HubFamily:
    """Implements `training.fitting.families.Family`."""

    def cold(self, fit: Fit) -> Fitted:
        """Raises SettingsError: a hub model has weights to start from."""
        raise SettingsError(f"recipe {fit.recipe.name!r} trains {fit.recipe.model!r}, which has no cold start: begin with its own weights")

    def sft(self, fit: Fit) -> Fitted:
        """See `hub_sft.sft`."""
        from .hub_sft import sft
        from .launch import several

        return several(fit, "sft") or sft(fit)

    def rl(self, fit: Fit) -> Fitted:
        """See `hub_grpo.rl`."""
        from .hub_grpo import rl
        from .launch import several

        return several(fit, "rl") or rl(fit)

    def backend(self, folder: Path) -> Backend:
        """The weights of a folder in process. For large models the loop asks a vLLM server instead."""
        return TransformersBackend(folder, name=folder.name)
