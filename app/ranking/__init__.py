"""Listwise passage reranking by a reasoning language model: a library of its own, installed as `reasonrank`.

Importing it loads the standard library only; models and retrieval libraries are loaded when they are first used.
"""

from .errors import BackendError, BackendUnavailable, InputError, RankingError, SettingsError, TemplateError
from .prompts import builtin_profile, load_profile
from .ranker import Ranker
from .strategies import Sliding
from .values import Completion, Delta, Parsed, Passage, Prompt, Ranking, Sampling

__all__ = [
    "BackendError",
    "BackendUnavailable",
    "Completion",
    "Delta",
    "InputError",
    "Parsed",
    "Passage",
    "Prompt",
    "Ranker",
    "Ranking",
    "RankingError",
    "Sampling",
    "SettingsError",
    "Sliding",
    "TemplateError",
    "builtin_profile",
    "load_profile",
]
