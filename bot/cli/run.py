"""``confess run``."""


def run() -> None:
    """Run the bot: answer on Discord, keep the schedule, publish what is approved. Ctrl-C stops it gently."""
    import asyncio

    from bot import logs
    from bot.settings import load_settings
    from bot.wiring import open_runner

    settings = load_settings()
    logs.set_up(settings.log.level, json_lines=settings.log.json_lines)
    with open_runner(settings) as runner:
        asyncio.run(runner.run())
