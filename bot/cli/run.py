"""``confess run``."""


def run() -> None:
    """Run the bot: answer on Discord, keep the schedule, publish what is approved. Ctrl-C stops it gently."""
    import asyncio

    from bot import logs, wiring
    from bot.settings import load_settings

    settings = load_settings()
    logs.set_up(settings.log.level, json_lines=settings.log.json_lines)
    asyncio.run(wiring.run(settings))
