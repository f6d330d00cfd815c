"""``confess``, and ``python -m bot``."""

import sys

from bot.cli.app import app
from bot.cli.explain import explain


def main() -> None:
    """Run the command line; a failure is one sentence on standard error, never a traceback.

    Exit codes: 0 done, 1 failed, 2 wrongly asked.
    """
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the last place that can turn any failure into a sentence
        sys.exit(explain(error))


if __name__ == "__main__":
    main()
