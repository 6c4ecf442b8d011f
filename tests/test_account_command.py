"""`python -m app account`: the first admin of a server, from its own machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.ranking.errors import SettingsError
from app.services.studio import Studio
from app.settings import Settings

PASSWORD = "four words that rhyme not"


def account(folder: Path, *arguments: str, typed: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["account", *arguments, "--data-dir", str(folder)], input=typed)
    return done.exit_code, done.output


def test_a_server_for_others_does_not_open_before_there_is_an_admin(tmp_path: Path) -> None:
    settings = Settings(host="0.0.0.0", data_dir=tmp_path)
    with pytest.raises(SettingsError, match="python -m app account add"):
        Studio.open(settings)
    assert account(tmp_path, "add", "ann@example.org", "--roles", "annotator", typed=f"{PASSWORD}\n{PASSWORD}\n")[0] == 0
    with pytest.raises(SettingsError, match="no admin account"):
        Studio.open(settings)
    assert account(tmp_path, "roles", "ann@example.org", "--roles", "annotator,admin") == (0, "ann@example.org: done\n")
    assert Studio.open(settings).accounts.count("admin") == 1


def test_visitors_only_opens_without_an_admin(tmp_path: Path) -> None:
    Studio.open(Settings(host="0.0.0.0", data_dir=tmp_path, visitors_only=True))


def test_accounts_are_made_listed_and_disabled(tmp_path: Path) -> None:
    for email in ("root@example.org", "ann@example.org"):
        assert account(tmp_path, "add", email, "--roles", "admin", typed=f"{PASSWORD}\n{PASSWORD}\n")[0] == 0
    assert account(tmp_path, "disable", "ann@example.org")[0] == 0
    code, said = account(tmp_path, "list")
    assert code == 0 and "ann@example.org\tann\tadmin,visitor\tdisabled" in said and PASSWORD not in said
    assert account(tmp_path, "enable", "ann@example.org")[0] == 0


def test_an_invite_is_a_link(tmp_path: Path) -> None:
    code, said = account(tmp_path, "invite", "--roles", "admin", "--days", "2")
    assert code == 0 and "/?invite=" in said


@pytest.mark.parametrize(
    ("arguments", "typed", "sentence"),
    [
        (("fly",), "", "there is no action 'fly'"),
        (("add",), "", "needs the e-mail address"),
        (("add", "nonsense"), f"{PASSWORD}\n{PASSWORD}\n", "name@example.org"),
        (("add", "a@example.org"), "short\nshort\n", "use 10 to 200"),
        (("add", "a@example.org", "--roles", "king"), f"{PASSWORD}\n{PASSWORD}\n", "'king' is no role"),
        (("invite", "--days", "1000"), "", "choose 1 to 90"),
    ],
)
def test_what_can_not_be_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], typed: str, sentence: str) -> None:
    code, said = account(tmp_path, *arguments, typed=typed)
    assert code == 2 and sentence in said and "Traceback" not in said


def test_an_account_that_is_not_there_is_told(tmp_path: Path) -> None:
    account(tmp_path, "invite")
    code, said = account(tmp_path, "disable", "nobody@example.org")
    assert code == 2 and "has no account" in said
