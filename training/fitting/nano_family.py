"""The embedded model: cold start, hindsight rows, and two ways to prefer better answers. Bodies are imported when they are asked for."""

from __future__ import annotations

import time
from pathlib import Path

from app.ranking.backends.nano import NanoBackend
from app.ranking.errors import SettingsError
from app.ranking.protocols import Backend

from .values import Fit, Fitted


class NanoFamily:
    """Implements `training.fitting.families.Family`. Steps last seconds or minutes: a killed one begins again."""

    def cold(self, fit: Fit) -> Fitted:
        """Weights from nothing but synthetic cards: see `training.sft`. It can't be stopped before its end."""
        from training.sft import train

        began = time.perf_counter()
        fit.watch.tell(0.0)
        report = train(fit.recipe, fit.seed, fit.out)
        fit.watch.tell(1.0)
        stages = report["stages"]
        steps = sum(stage["steps"] for stage in stages)
        return Fitted(rows=0, refused={}, steps=steps, seconds=time.perf_counter() - began, facts={"stages": stages})

    def sft(self, fit: Fit) -> Fitted:
        """See `nano_sft.sft`."""
        from .nano_sft import sft

        return sft(fit)

    def rl(self, fit: Fit) -> Fitted:
        """See `nano_expert.expert` and `nano_grpo.grpo`, by the recipe's kind."""
        kind = fit.recipe.rl.kind if fit.recipe.rl else "expert"
        if kind == "grpo":
            from .nano_grpo import grpo

            return grpo(fit)
        if kind != "expert":
            raise SettingsError(f"the embedded model knows no reinforcement learning of kind {kind!r}: use expert or grpo")
        from .nano_expert import expert

        return expert(fit)

    def backend(self, folder: Path) -> Backend:
        """The weights of a folder, decoded in process as the app does it."""
        return NanoBackend(folder)
