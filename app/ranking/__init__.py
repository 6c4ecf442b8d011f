"""Listwise passage reranking by a reasoning language model: a library of its own, installed as `reasonrank`.

Importing it loads the standard library only; models and retrieval libraries are loaded when they are first used.
"""

from .batch import Ranked, Topic, rank_all
from .errors import BackendError, BackendUnavailable, InputError, RankingError, SettingsError, TemplateError
from .estimate import Estimate, Price, estimate
from .fusion import Fusion
from .prompts import builtin_profile, load_profile, template_for
from .ranker import Ranker
from .response_cache import ResponseCache
from .strategies import Consensus, Pointwise, Setwise, Single, Sliding, TopDown, Tournament, TwoLevel
from .thinking import Settle, Thinking
from .values import Completion, Delta, Parsed, Passage, Prompt, Ranking, Sampling

__all__ = [
    "BackendError",
    "BackendUnavailable",
    "Completion",
    "Consensus",
    "Delta",
    "Estimate",
    "Fusion",
    "InputError",
    "Parsed",
    "Passage",
    "Pointwise",
    "Price",
    "Prompt",
    "Ranked",
    "Ranker",
    "Ranking",
    "RankingError",
    "ResponseCache",
    "Sampling",
    "SettingsError",
    "Settle",
    "Setwise",
    "Single",
    "Sliding",
    "TemplateError",
    "Thinking",
    "TopDown",
    "Topic",
    "Tournament",
    "TwoLevel",
    "builtin_profile",
    "estimate",
    "load_profile",
    "rank_all",
    "template_for",
]
