"""Settings: flags over environment over defaults, and one sentence for everything that is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from app.ranking.errors import SettingsError
from app.settings import Settings, load_models


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    environ = {"REASONRANK_PORT": "8001", "REASONRANK_LOG_LEVEL": "debug", "REASONRANK_VISITORS_ONLY": "yes"}
    settings = Settings.load(["--port", "8002", "--no-visitors-only"], environ)
    assert (settings.port, settings.log_level, settings.visitors_only) == (8002, "debug", False)
    assert settings.url == f"sqlite:///{Path('var/studio.db').absolute()}"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--port", "http"], "port is 'http': it must be a whole number"),
        (["--port", "99999"], "port 99999 is not one"),
        (["--oidc-issuer", "https://id.example.org"], "belong together"),
        (["--session-days", "0"], "at least 1"),
        (["--max-active-runs", "0"], "at least 1"),
        (["--log-level", "loud"], "debug, info, warning or error"),
        (["--log-format", "xml"], "text or json"),
    ],
)
def test_a_wrong_setting_gives_one_sentence(argv: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.load(argv, {})


def test_a_wrong_yes_or_no_in_the_environment_is_told() -> None:
    with pytest.raises(SettingsError, match="yes or no"):
        Settings.load([], {"REASONRANK_OPEN_BROWSER": "perhaps"})


def test_every_setting_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Settings.load(["--help"], {})
    shown = capsys.readouterr().out
    for field in dataclasses.fields(Settings):
        assert "--" + field.name.replace("_", "-") in shown


def test_a_password_is_never_printed() -> None:
    settings = Settings(database_url="postgresql+psycopg://ann:s3cret@host/db")
    assert "s3cret" not in str(settings.printable())


def test_host_names_are_lower_case_and_complete() -> None:
    settings = Settings(host="0.0.0.0", visitors_only=True, allowed_hosts=" Studio.Example.org , ")
    assert {"studio.example.org", "localhost", "127.0.0.1"} <= settings.host_names
    assert "0.0.0.0" not in settings.host_names


def test_embedders_are_origins() -> None:
    assert Settings(frame_ancestors="https://huggingface.co, https://*.hf.space").embedders == (
        "https://huggingface.co",
        "https://*.hf.space",
    )
    with pytest.raises(SettingsError, match="an origin looks like"):
        _ = Settings(frame_ancestors="huggingface.co; script-src *").embedders


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[model]]\nname = 'x'\n", "at least a name and a backend"),
        ("[[model]]\nname = 'x'\nbackend = 'openai'\nkey = 's'\n", r"unknown keys \['key'\]"),
        ("[[model]]\nname = 'x'\nbackend = 'openai'\nmax_tokens = 'many'\n", "max_tokens has a wrong type"),
        ("[[model]]\nname = 'x'\nbackend = 'openai'\nlogprobs = 1\n", "logprobs has a wrong type"),
        ("[[model]]\nname = 'x'\nbackend = 'openai'\nconcurrent = true\n", "concurrent has a wrong type"),
        ("[[model]]\nname = 'x'\nbackend = 'openai'\nconcurrent = 0\n", "concurrent is too low"),
        ("[[model]]\nname = 'x'\nbackend = 'openai'\nprice_in = -1.0\n", "price_in is too low"),
        ("[[model]]\nname = 'x'\nbackend = 'openai'\ntotal_seconds = 1.0\n", "total_seconds is too low"),
        ("[[model]]\nname = 'x'\nbackend = 'openai'\ncontinues = 'yes'\n", "must be one of '', 'final_message', 'prefix'"),
        ("[[model]]\nname = 'x'\nbackend = 'openai'\ntemplate_args = 'think'\n", "template_args has a wrong type"),
        ("[[model]]\nname = 'x'\nbackend = 'a'\n[[model]]\nname = 'x'\nbackend = 'a'\n", "gives a name twice"),
        ("[[model\n", "not valid TOML"),
    ],
)
def test_a_wrong_models_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "models.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_models(path)


def test_a_missing_models_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        load_models(tmp_path / "none.toml")
    assert load_models(None) == ()
