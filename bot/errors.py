"""What can keep the bot from running, by what the owner would do about it.

BotError                        any of these
├── ScheduleError               a schedule cannot be kept: mend `[[schedule]]` in confess.toml
└── DiscordRefused              Discord does not let the bot in: mend DISCORD__TOKEN

What a platform does with one post is told in :mod:`bot.platforms.base`; a wrong setting, in :mod:`bot.settings`.
"""


class BotError(Exception):
    """Any reason why the bot cannot run; its text is one sentence for people."""


class ScheduleError(BotError):
    """A schedule cannot be kept."""


class DiscordRefused(BotError):
    """Discord does not let the bot in."""
