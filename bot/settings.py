"""Every setting, from four places: the environment, ``.env`` (secrets), ``confess.toml`` (behaviour), and the defaults.

The earlier place wins. A nested setting is ``SECTION__NAME`` in the environment and ``[section] name`` in the TOML.
"""

import base64
import binascii
import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError as SourceError

from generation.sampling import Sampling
from moderation.policy import Policy

TOML = "confess.toml"
DOTENV = ".env"


class SettingsError(Exception):
    """A setting is wrong; its text says which, where and how to mend it, a sentence a line."""


class Section(BaseModel):
    """A group of settings; an unknown name in it is an error, since it is a typo more often than not."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSettings(Section):
    url: SecretStr = Field(
        SecretStr("sqlite:///confess.db"), description="Where the record is kept: any SQLAlchemy URL"
    )


class AdapterSettings(Section):
    folder: Path = Field(Path("adapters"), description="Where trained adapters lie")
    name: str | None = Field(None, description="The adapter that speaks; the newest one when empty")


class EngineSettings(Section):
    name: Literal["auto", "ctranslate2", "transformers", "openai"] = Field(
        "auto", description="What runs the model: auto, ctranslate2, transformers or openai"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where it runs: auto, cpu, cuda or mps")
    threads: int = Field(0, ge=0, description="CPU threads; 0 lets the engine choose")
    timeout: float = Field(60.0, gt=0, description="Seconds after which a stuck engine is replaced")
    queue: int = Field(64, ge=1, description="Requests that may wait; past that the bot says it is busy")
    per_user: int = Field(2, ge=1, description="Of these, how many may be one person's")
    base_url: str = Field("http://127.0.0.1:8000/v1", description="The openai engine's server")
    api_key: SecretStr | None = Field(None, description="The openai engine's key, if its server wants one")
    model: str | None = Field(None, description="The openai engine's model name; the adapter's name when empty")


class ComposeSettings(Section):
    candidates: int = Field(4, ge=1, le=64, description="Texts written for one post; the best allowed one is kept")
    held_days: float = Field(14.0, gt=0, description="Days after which a held post that nobody decided on expires")
    remember_days: int = Field(90, ge=0, description="Days during which the bot's own posts count as already said")


class GateSettings(Section):
    words: Path = Field(Path("words.toml"), description="Your own word list (TOML), beside the built-in one")
    openai_key: SecretStr | None = Field(None, description="Key for OpenAI's moderation endpoint; off when empty")
    openai_base: str = Field("https://api.openai.com/v1", description="That endpoint's server")
    guard_url: str | None = Field(None, description="An OpenAI-compatible server with a guard model; off when empty")
    guard_key: SecretStr | None = Field(None, description="That server's key, if it wants one")
    guard_model: str = Field("llama-guard", description="The guard model's name there")
    hub_url: str | None = Field(None, description="A Hugging Face text classifier's whole address; off when empty")
    hub_key: SecretStr | None = Field(None, description="Its key, if it wants one")
    hub_labels: dict[str, str] = Field({}, description='Its labels as our categories, as JSON: {"toxic": "insult"}')
    presidio: bool = Field(False, description="Look for official numbers of persons with presidio (extra `presidio`)")
    timeout: float = Field(5.0, gt=0, description="Seconds for each outside check; after that the post is held")


class ShelfSettings(Section):
    enabled: bool = Field(True, description="Keep allowed posts ready, so that /confess answers at once")
    low: int = Field(8, ge=0, description="Restock below this many posts")
    high: int = Field(32, ge=1, description="Restock up to this many")
    max_age_hours: float = Field(72.0, gt=0, description="Posts older than this leave the shelf")


class DiscordSettings(Section):
    token: SecretStr | None = Field(None, description="The bot's token; Discord is off when empty")
    guild_ids: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="Servers where the commands appear at once, comma-separated; everywhere (slower) when empty"
    )
    channel_id: int | None = Field(None, description="Where posts go; the channel of the command when empty")
    review_channel_id: int | None = Field(None, description="Where held posts are shown with buttons")
    reviewer_role_id: int | None = Field(
        None, description="Who may press them, and edit words; Manage Messages when empty"
    )
    cooldown: float = Field(20.0, ge=0, description="Seconds between two /confess of one person")
    api_base: str = Field("https://discord.com/api/v10", description="Discord's REST address")
    gateway_url: str | None = Field(None, description="Discord's gateway address; Discord says it itself when empty")

    @field_validator("guild_ids", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part for part in value.replace(",", " ").split() if part] if isinstance(value, str) else value


class XSettings(Section):
    api_key: SecretStr | None = Field(None, description="X app key (OAuth 1.0a consumer key); X is off when empty")
    api_secret: SecretStr | None = Field(None, description="X app secret")
    access_token: SecretStr | None = Field(None, description="The account's access token")
    access_secret: SecretStr | None = Field(None, description="The account's access token secret")
    api_base: str = Field("https://api.twitter.com", description="X's REST address")

    @property
    def missing(self) -> list[str]:
        """Which of the four keys are not set, by their names in the environment."""
        keys = {name: getattr(self, name) for name in ("api_key", "api_secret", "access_token", "access_secret")}
        return [f"X__{name.upper()}" for name, key in keys.items() if key is None]


class MastodonSettings(Section):
    base: str = Field("https://mastodon.social", description="Your server")
    token: SecretStr | None = Field(None, description="An access token (write:statuses, read); off when empty")
    visibility: Literal["public", "unlisted", "private"] = Field(
        "public", description="Who sees its posts: public, unlisted or private"
    )


class BlueskySettings(Section):
    base: str = Field("https://bsky.social", description="Your server")
    handle: str | None = Field(None, description="The account, like name.bsky.social; off when empty")
    app_password: SecretStr | None = Field(None, description="An app password of that account")


class WebhookSettings(Section):
    url: SecretStr | None = Field(None, description="Where the webhook platform posts JSON; off when empty")
    secret: SecretStr | None = Field(None, description="Signs each body with HMAC-SHA256, when set")


class WebSettings(Section):
    enabled: bool = Field(False, description="Serve the review page with `confess run`")
    host: str = Field("127.0.0.1", description="Where it listens; beyond this machine only if you say so")
    port: int = Field(8765, ge=1, le=65535, description="Its port")
    token: SecretStr | None = Field(None, description="What a reviewer types to sign in")


class LogSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much `confess run` tells")
    json_lines: bool = Field(False, description="One JSON object a line instead of text for people")


class ScheduleSettings(Section):
    """One ``[[schedule]]`` of ``confess.toml``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", description="Its name, part of each slot's")
    platform: str = Field(description="Where its posts go: x, discord, mastodon, bluesky, webhook or console")
    times: tuple[str, ...] = Field(min_length=1, description="Local times of day, HH:MM")
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(
        (), description="Days of the week; every day when empty"
    )
    zone: str = Field("UTC", description="IANA time zone, like Europe/London")
    grace: float = Field(2.0, gt=0, description="Hours after which a missed slot is dropped")
    channel: str | None = Field(None, description="The place on the platform, where it has several")
    topic: str | None = Field(None, description="What its posts are about")


class Settings(BaseSettings):
    """All settings together; read it with :func:`load_settings`."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True, env_file_encoding="utf-8"
    )

    database: DatabaseSettings = DatabaseSettings()
    adapters: AdapterSettings = AdapterSettings()
    engine: EngineSettings = EngineSettings()
    sampling: Sampling = Sampling()
    compose: ComposeSettings = ComposeSettings()
    gate: GateSettings = GateSettings()
    policy: Policy = Field(default_factory=Policy.default)
    shelf: ShelfSettings = ShelfSettings()
    discord: DiscordSettings = DiscordSettings()
    x: XSettings = XSettings()
    mastodon: MastodonSettings = MastodonSettings()
    bluesky: BlueskySettings = BlueskySettings()
    webhook: WebhookSettings = WebhookSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()
    schedule: tuple[ScheduleSettings, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment, then ``.env``, then ``confess.toml``."""
        toml = TomlConfigSettingsSource(settings_cls, Path(TOML))
        return init_settings, env_settings, dotenv_settings, toml


def load_settings() -> Settings:
    """Read the settings of the folder we stand in.

    Raises:
        SettingsError: a file cannot be read, a name is unknown, or a value is wrong.
    """
    try:
        return Settings(_env_file=DOTENV)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(problem) for problem in error.errors())) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{TOML} is not valid TOML: {error}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{DOTENV} or {TOML} is not UTF-8 text; save it as UTF-8.") from None
    except SourceError as error:
        raise SettingsError(f"A setting cannot be read: {error}.") from None


def _sentence(problem: Any) -> str:
    """One problem of pydantic's as one sentence for people; never the value, which may be a secret."""
    path = [str(part) for part in problem["loc"]]
    where = f"{'__'.join(path).upper()} (in {TOML}: {'.'.join(path)})"
    if problem["type"] == "extra_forbidden":
        guess = difflib.get_close_matches(path[-1].lower(), _names_beside(path), n=1)
        hint = f"; did you mean {'__'.join([*path[:-1], guess[0]]).upper()}?" if guess else "."
        return f"There is no setting {where}{hint}"
    return f"The setting {where} is wrong: {problem['msg'][0].lower()}{problem['msg'][1:]}."


def _names_beside(path: list[str]) -> list[str]:
    """The names that would have been right where an unknown one stands."""
    fields = Settings.model_fields
    for part in path[:-1]:
        section = fields[part].annotation if part in fields else None
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            return []
        fields = section.model_fields
    return list(fields)


def token_problem(token: str) -> str | None:
    """What is wrong with the shape of a Discord bot token, or None.

    A token is three dot-separated base64url parts, the first being the bot's user id in decimal
    (https://discord.com/developers/docs/reference#authentication).
    """
    parts = token.split(".")
    if len(parts) != 3 or not all(re.fullmatch(r"[\w-]+", part) for part in parts):
        return "a bot token is three parts joined by dots"
    try:
        user_id = base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        user_id = ""
    return None if user_id.isdigit() else "its first part does not hold the bot's id"
