"""``confess doctor``."""

import typer


def doctor() -> None:
    """Check settings, tokens, adapter, engine and database; say how to mend what is wrong."""
    from bot.cli.console import console, plain
    from bot.doctor import examine
    from bot.settings import load_settings

    marks = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: "[dim]–[/]"}
    wrong = 0
    for check in examine(load_settings()):
        wrong += check.fine is False
        console.print(marks[check.fine], plain(f"{check.subject}:", "bold"), plain(check.finding))
    if wrong:
        raise typer.Exit(1)
