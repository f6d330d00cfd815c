"""What ``confess run`` tells: sentences for people, or one JSON object a line for machines."""

import json
import logging
from datetime import UTC, datetime

from rich.console import Console
from rich.logging import RichHandler

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """Each record as one JSON object, with whatever was given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line | extra, default=str, ensure_ascii=False)


def set_up(level: str, *, json_lines: bool) -> None:
    """Send every log line to standard error, at this level and above."""
    handler: logging.Handler
    if json_lines:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
    else:
        # soft_wrap: a link that the terminal breaks is a link nobody can open
        console = Console(stderr=True, soft_wrap=True)
        handler = RichHandler(console=console, show_path=False, markup=False, rich_tracebacks=False)
        handler.setFormatter(logging.Formatter("%(message)s", datefmt="%X"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # At DEBUG the signing libraries would show token ids and signing strings; the others are only talkative.
    for chatty in ("httpx", "httpcore", "alembic", "discord", "oauthlib", "requests_oauthlib", "urllib3"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
