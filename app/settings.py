"""One frozen Settings object, read once from flags and environment and handed to whoever needs it.

Every setting is a field with its help text; the flag is the field's name with dashes, the variable the name in capitals after REASONRANK_.
A flag wins over the environment, the environment over the default.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.ranking.errors import SettingsError

PREFIX = "REASONRANK_"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SECRET_IN_URL = "***"
# How a server goes on with a begun answer.
CONTINUES = ("", "final_message", "prefix")


def _setting(default: Any, text: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can choose. Built by `Settings.load`, or directly in tests."""

    host: str = _setting("127.0.0.1", "address to listen on; anything but this machine needs an admin account, or --visitors-only")
    port: int = _setting(7860, "port to listen on; 0 takes a free one and says which")
    data_dir: Path = _setting(Path("var"), "folder for the database, uploaded collections and caches")
    database_url: str = _setting("", "database to use; empty is SQLite in the data folder, postgresql+psycopg://... shares one over hosts")
    synchronous: str = _setting("normal", "SQLite: normal keeps what was saved when the process is killed, full also when power is lost")
    models: Path | None = _setting(None, "TOML file naming further models; see docs/operate.md")
    allowed_hosts: str = _setting("", "further Host names this server answers to, comma-separated")
    frame_ancestors: str = _setting("", "origins that may embed the page, comma-separated; a hosted Space needs https://huggingface.co")
    visitors_only: bool = _setting(False, "let anyone explore, nobody annotate: what a hosted Space runs")
    secret_file: Path | None = _setting(None, "file with the secret that signs visitors' cookies; none is secret.key in the data folder")
    session_days: int = _setting(14, "days after which a person signs in again")
    proxies: int = _setting(0, "reverse proxies in front, whose X-Forwarded-For names the visitor's address")
    oidc_issuer: str = _setting("", "address of an OpenID Connect provider to sign in with; empty offers none")
    oidc_client_id: str = _setting("", "this server's name at that provider")
    oidc_secret_env: str = _setting("REASONRANK_OIDC_SECRET", "environment variable that holds this server's secret at that provider")
    oidc_label: str = _setting("your organisation", "what the page calls that provider")
    oidc_new_roles: str = _setting("", "roles of whoever signs in there without an invite, comma-separated; empty lets in the invited only")
    retention_days: int = _setting(0, "days after which drafts, visitors' objections and visitors' unused runs go; 0 keeps everything")
    retention_judgements: bool = _setting(False, "let submitted judgements go after that time too")
    max_upload_mb: int = _setting(50, "largest file accepted as a collection, in MB")
    max_passages: int = _setting(100_000, "most passages in one uploaded collection")
    max_active_runs: int = _setting(64, "most runs at work at once; a further one is refused with a sentence")
    worker: bool = _setting(True, "start a worker beside the server; with --no-worker, run `python -m training worker` yourself")
    artifacts: Path | None = _setting(None, "folder of the data sets and models that are made; none is artifacts in the data folder")
    suites: Path | None = _setting(None, "folder with test collections that evaluations run on, a folder a suite; none leaves the demo")
    open_browser: bool = _setting(False, "open the page in the default browser once it is ready")
    log_level: str = _setting("info", "debug, info, warning or error")
    log_format: str = _setting("text", "text for people, json for machines")

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"port {self.port} is not one: give a number from 0 to 65535")
        for name in ("max_upload_mb", "max_passages", "max_active_runs", "session_days"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if self.retention_days < 0:
            raise SettingsError(f"retention_days is {self.retention_days}: it must be 0 (keep everything) or more")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise SettingsError(f"log_level {self.log_level!r} is unknown: use debug, info, warning or error")
        if self.synchronous not in ("normal", "full"):
            raise SettingsError(f"synchronous {self.synchronous!r} is unknown: use normal or full")
        if self.log_format not in ("text", "json"):
            raise SettingsError(f"log_format {self.log_format!r} is unknown: use text or json")
        if bool(self.oidc_issuer) != bool(self.oidc_client_id):
            raise SettingsError("oidc_issuer and oidc_client_id belong together: give both, or neither")

    @property
    def is_local(self) -> bool:
        """True where only this machine can reach the server."""
        return self.host in LOOPBACK

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'studio.db').absolute()}"

    @property
    def secret_path(self) -> Path:
        """Where the secret of this server lies."""
        return self.secret_file or self.data_dir / "secret.key"

    @property
    def artifacts_dir(self) -> Path:
        """Where what is made by jobs lies, by content hash."""
        return self.artifacts or self.data_dir / "artifacts"

    @property
    def newcomers(self) -> tuple[str, ...]:
        """Roles of whoever signs in with the outside provider for the first time and was not invited."""
        return tuple(part.strip() for part in self.oidc_new_roles.split(",") if part.strip())

    @property
    def host_names(self) -> frozenset[str]:
        """Host names (without port) that requests may carry."""
        extra = (name.strip().lower() for name in self.allowed_hosts.split(","))
        own = () if self.host in ("0.0.0.0", "::") else (self.host,)
        return frozenset({*LOOPBACK, "[::1]", *own, *(name for name in extra if name)})

    @property
    def embedders(self) -> tuple[str, ...]:
        """Origins that may embed the page in a frame. Raises SettingsError for one that is no origin."""
        origins = tuple(part.strip() for part in self.frame_ancestors.split(",") if part.strip())
        wrong = [origin for origin in origins if not re.fullmatch(r"https?://[A-Za-z0-9.*:-]+", origin)]
        if wrong:
            raise SettingsError(f"frame_ancestors has {wrong[0]!r}: an origin looks like https://example.org, without a path")
        return origins

    def printable(self) -> dict[str, str]:
        """All settings as text, passwords in URLs masked."""
        from urllib.parse import urlsplit

        shown = {field.name: str(getattr(self, field.name)) for field in dataclasses.fields(self)}
        password = urlsplit(self.database_url).password
        if password:
            shown["database_url"] = self.database_url.replace(f":{password}@", f":{_SECRET_IN_URL}@")
        return shown

    @classmethod
    def load(cls, argv: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from flags and environment. Raises SettingsError for a wrong value; `--help` prints and exits."""
        environ = os.environ if environ is None else environ
        given = vars(_parser(cls).parse_args(list(argv)))
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            raw = given[field.name] if given[field.name] is not None else environ.get(PREFIX + field.name.upper())
            if raw is not None:
                values[field.name] = _value(field, raw)
        return cls(**values)


def _parser(cls: type[Settings]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python app.py",
        description="ReasonRank Studio: watch a language model rank passages, and correct it.",
        epilog=f"Each flag can also be set in the environment: --data-dir as {PREFIX}DATA_DIR.",
    )
    for field in dataclasses.fields(cls):
        default = "" if field.default is None else field.default
        text = f"{field.metadata['help']} (default: {default or 'none'})".replace("%", "%%")
        flag = "--" + field.name.replace("_", "-")
        if isinstance(field.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            parser.add_argument(flag, default=None, metavar=field.name.upper(), help=text)
    return parser


def _value(field: dataclasses.Field[Any], raw: Any) -> Any:
    """A raw flag or variable as the field's type."""
    if isinstance(raw, bool):
        return raw
    try:
        if isinstance(field.default, bool):
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[raw.strip().lower()]
        if isinstance(field.default, int):
            return int(raw)
    except (KeyError, ValueError) as error:
        kind = "yes or no" if isinstance(field.default, bool) else "a whole number"
        raise SettingsError(f"{field.name} is {raw!r}: it must be {kind}") from error
    is_path = isinstance(field.default, Path) or field.name in ("models", "secret_file", "artifacts", "suites")
    return (Path(raw) if raw else None) if is_path else raw


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model of the models file. `address` is a server's base URL, `path` a folder or hub id; exactly one is given.

    `key_env` names the environment variable that holds the key; the key itself is never written anywhere. `continues` says how the server
    goes on with a begun answer (final_message, prefix), `logprobs` that it gives log-probabilities, `template_args` are arguments of its
    chat template, `router` the file that decides thinking `auto` for it. Prices are per million tokens in `currency`, `daily_cap` is the
    most that is begun to be spent in a UTC day.
    `requests_per_minute` 0 is no limit; `revision` pins a hub id.
    """

    name: str
    backend: str
    label: str = ""
    about: str = ""
    profile: str = "studio"
    model: str = ""
    address: str = ""
    path: str = ""
    key_env: str = ""
    max_tokens: int = 0
    continues: str = ""
    logprobs: bool = False
    template_args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    router: str = ""
    revision: str = ""
    price_in: float = 0.0
    price_out: float = 0.0
    currency: str = "USD"
    daily_cap: float = 5.0
    requests_per_minute: int = 0
    concurrent: int = 8
    first_token_seconds: float = 180.0
    total_seconds: float = 900.0


def load_models(path: Path | None) -> tuple[ModelEntry, ...]:
    """Models of the file, none for no file. Raises SettingsError naming the entry and key that are wrong."""
    if path is None:
        return ()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"models file {str(path)!r} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"models file {str(path)!r} is not valid TOML: {error}") from error
    entries = tuple(_entry(number, item) for number, item in enumerate(data.get("model", []), start=1))
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise SettingsError(f"models file {str(path)!r} gives a name twice: {sorted(names)}")
    return entries


def _entry(number: int, item: Any) -> ModelEntry:
    fields = {field.name: field for field in dataclasses.fields(ModelEntry)}
    if not isinstance(item, dict) or not {"name", "backend"} <= set(item):
        raise SettingsError(f"model {number} of the models file needs at least a name and a backend")
    unknown = set(item) - set(fields)
    if unknown:
        raise SettingsError(f"model {item['name']!r} has unknown keys {sorted(unknown)}: known are {', '.join(fields)}")
    wrong = [key for key, value in item.items() if not _fits(value, str(fields[key].type))]
    if wrong:
        raise SettingsError(f"model {item['name']!r}: {', '.join(wrong)} has a wrong type")
    entry = ModelEntry(**item)
    if entry.continues not in CONTINUES:
        known = ", ".join(repr(name) for name in CONTINUES)
        raise SettingsError(f"model {entry.name!r}: continues is {entry.continues!r}, it must be one of {known}")
    least = {
        "price_in": 0,
        "price_out": 0,
        "daily_cap": 0,
        "requests_per_minute": 0,
        "max_tokens": 0,
        "concurrent": 1,
        "first_token_seconds": 0.001,
    }
    low = [key for key, bound in least.items() if getattr(entry, key) < bound]
    if low or entry.total_seconds < entry.first_token_seconds:
        raise SettingsError(f"model {entry.name!r}: {', '.join(low) or 'total_seconds'} is too low")
    return entry


def _fits(value: object, kind: str) -> bool:
    """Whether a value of the file is of a field's declared type."""
    if kind == "bool" or isinstance(value, bool):
        return kind == "bool" and isinstance(value, bool)
    kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}
    return isinstance(value, kinds.get(kind, (dict,)))
