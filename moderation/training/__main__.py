"""``python -m moderation.training --pool FOLDER --out FOLDER``: train the embedded classifier."""

import argparse
import csv
import sys
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress, TaskID

from moderation.errors import ModerationError
from moderation.training.errors import PoolBroken
from moderation.training.learn import Settings
from moderation.training.run import train_classifier


def main() -> int:
    """Exit status 0, 1 when the system fails, 2 when the pool or a file cannot be used, 130 when stopped."""
    parser = argparse.ArgumentParser(prog="python -m moderation.training", description=__doc__)
    parser.add_argument("--pool", type=Path, required=True, help="folder of the labelled data sets")
    parser.add_argument("--out", type=Path, required=True, help="folder for classifier.npz, README.md and card.json")
    parser.add_argument("--text", type=Path, help="folder of plain text (*.txt.xz) for word vectors and everyday talk")
    parser.add_argument("--harmless", type=Path, help="CSV of harmless posts, to count false alarms: column confession")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--made", type=int, default=4000, help="rows made from patterns, a head and side")
    chosen = parser.parse_args()
    torch.set_num_threads(1)  # more threads add in another order, and other bytes come out
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what)
            progress.update(tasks[what], total=of, completed=done)

        try:
            card = train_classifier(
                chosen.pool,
                chosen.out,
                text_folder=chosen.text,
                harmless=None if chosen.harmless is None else _posts(chosen.harmless),
                settings=replace(Settings(), seed=chosen.seed),
                per_side=chosen.made,
                tell=tell,
            )
        except ModerationError as error:
            console.print(str(error), style="red", markup=False)
            return 2
        except OSError as error:
            console.print(f"A file cannot be read or written ({error}).", style="red", markup=False)
            return 1
        except KeyboardInterrupt:
            console.print("Stopped. The same command goes on after the last part that was finished.")
            return 130
    console.print(
        f"Version {card['version']}: mean AUROC {card['mean_auroc']:.3f}, mean AUPRC {card['mean_auprc']:.3f}"
    )
    return 0


def _posts(path: Path) -> list[str]:
    """Harmless posts. Raises PoolBroken."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            posts = [row["confession"] for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PoolBroken(f"{path} cannot be read ({error}).") from error
    except KeyError as error:
        raise PoolBroken(f"{path} has no column {error}.") from error
    if found := [post for post in posts if post]:
        return found
    raise PoolBroken(f"{path} holds no posts.")


if __name__ == "__main__":
    sys.exit(main())
