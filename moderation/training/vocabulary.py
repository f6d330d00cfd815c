"""Write `moderation/vocabulary.json`: the words that spelling is mended by, from texts written for this project alone.

    python -m moderation.training.vocabulary finetune/corpora/confessions.csv

It counts the words of the patterns in `templates/` (but not of its probes, which are for examining) and of the CSV
files named, and writes those seen most often first.
"""

import csv
import json
import re
import sys
from collections import Counter
from importlib import resources
from pathlib import Path

_WORD = re.compile(r"(?<![*@$])\b[a-z]+(?:'[a-z]+)*\b(?![*@$])")  # but not what is left of b*tch
TARGET = Path(__file__).parents[1] / "vocabulary.json"


def count(texts: list[str]) -> Counter[str]:
    """How often each word stands in the texts."""
    return Counter(word for text in texts for word in _WORD.findall(text.lower().replace("’", "'")))


def main(paths: list[Path]) -> None:
    """Count and write."""
    templates = resources.files("moderation.training.templates")
    found = [*templates.iterdir(), *templates.joinpath("lines").iterdir()]
    files = [file for file in found if file.name.endswith(".toml")]
    texts = [file.read_text("utf-8") for file in files]
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            texts += [" ".join(row.values()) for row in csv.DictReader(file)]
    words = count(texts)
    ordered = sorted(words, key=lambda word: (-words[word], word))
    TARGET.write_text(json.dumps([word for word in ordered if len(word) > 1 or word in "ai"], indent=0) + "\n", "utf-8")


if __name__ == "__main__":
    try:
        main([Path(argument) for argument in sys.argv[1:]])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        sys.stderr.write(f"Nothing was written: a file of texts cannot be read ({error}).\n")
        sys.exit(2)
