"""Thinking `auto` on the server: a router comes from the models file, never from who asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.ranking.errors import SettingsError
from app.ranking.options import Options
from app.ranking.router import Router, Weight
from app.ranking.thinking import Thinking
from app.services.models import Models
from app.settings import ModelEntry, load_models
from app.web.bodies import OptionsBody
from tests.ranking.thinker import Thinker, list_of

AUTO = Options(thinking=Thinking(mode="auto"))
ROUTER = Router(weights=(Weight(name="asks", mean=0.5, scale=0.5, weight=0.1),), intercept=0.0, measure="nDCG@10")


def models(router: str) -> Models:
    entry = ModelEntry(name="big", backend="scripted", router=router)
    return Models(
        (entry,),
        {
            "scripted": lambda _: Thinker("[2]", lambda _: list_of(2, 1), lambda _: list_of(1, 2)),
            "nano": lambda _: Thinker("", lambda _: ""),
        },
    )


def test_a_models_router_decides_for_it(tmp_path: Path) -> None:
    path = tmp_path / "router.json"
    path.write_text(json.dumps(ROUTER.plain), encoding="utf-8")
    ranker = models(str(path)).ranker("big", AUTO)
    assert ranker.thinking.router == str(path)
    assert AUTO.plain == {"thinking": {"mode": "auto"}}, "what is stored with a run does not say where the file lies"


@pytest.mark.parametrize("name", ["big", "nano"])
def test_a_model_without_a_router_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(SettingsError, match="needs a router, and none is given: fit one"):
        models("").ranker(name, AUTO)


def test_who_asks_may_choose_auto_but_names_no_file() -> None:
    assert OptionsBody.model_validate({"thinking": {"mode": "auto"}}).options() == AUTO
    for given in ("/etc/passwd", "", None):
        with pytest.raises(SettingsError, match="takes no router here"):
            OptionsBody.model_validate({"thinking": {"mode": "auto", "router": given}}).options()


def test_the_models_file_names_it(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(
        '[[model]]\nname = "big"\nbackend = "openai"\naddress = "http://127.0.0.1:1/v1"\nrouter = "router.json"\n', encoding="utf-8"
    )
    assert load_models(path)[0].router == "router.json"
