"""``confess init``: write ``.env`` and ``confess.toml`` by asking."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing; everything off but the console.")] = False,
) -> None:
    """Write .env and confess.toml for this folder by asking a few questions."""
    from bot.cli.console import console, errors
    from bot.example import write_settings
    from bot.settings import DOTENV, TOML

    standing = [name for name in (DOTENV, TOML) if Path(name).exists()]
    if standing and not force:
        errors.print(f"{' and '.join(standing)} stand here already; edit them, or replace them with --force.")
        raise typer.Exit(2)
    secrets, schedule = ({}, None) if defaults else _ask()
    write_settings(Path(), secrets=secrets, schedule=schedule)
    console.print(f"Wrote [bold]{DOTENV}[/] (secrets, readable by you alone) and [bold]{TOML}[/] (behaviour).")
    console.print("Next: [bold]confess db upgrade[/], then [bold]confess doctor[/].")


def _ask() -> tuple[dict[str, str], dict[str, str] | None]:
    """The answers as environment names and values, and the schedule if one is wanted."""
    from rich.prompt import Confirm, Prompt

    from bot.settings import token_problem

    secrets: dict[str, str] = {}
    if Confirm.ask("Shall it talk on Discord?", default=False):
        token = Prompt.ask("  Bot token", password=True).strip()
        while problem := token_problem(token):
            token = Prompt.ask(f"  That is no token: {problem}. Bot token", password=True).strip()
        secrets["DISCORD__TOKEN"] = token
        secrets["DISCORD__GUILD_IDS"] = _number("  Server id (right-click the server, Copy Server ID)")
        secrets["DISCORD__REVIEW_CHANNEL_ID"] = _number("  Channel id for reviews")
        secrets["DISCORD__REVIEWER_ROLE_ID"] = _number("  Role id of reviewers (empty: whoever may manage messages)")
    if not Confirm.ask("Shall it post on X?", default=False):
        return secrets, None
    for name, label in (
        ("API_KEY", "API key"),
        ("API_SECRET", "API key secret"),
        ("ACCESS_TOKEN", "Access token"),
        ("ACCESS_SECRET", "Access token secret"),
    ):
        secrets[f"X__{name}"] = Prompt.ask(f"  {label}", password=True).strip()
    zone = Prompt.ask("  Your time zone", default="Europe/London")
    moment = Prompt.ask("  Post each day at", default="09:00")
    return secrets, {"name": "x-daily", "platform": "x", "time": moment, "zone": zone}


def _number(question: str) -> str:
    """An id, or nothing."""
    from rich.prompt import Prompt

    answer = Prompt.ask(question, default="").strip()
    while answer and not answer.isdigit():
        answer = Prompt.ask("  An id is digits only; again", default="").strip()
    return answer
