"""Reading the training pool: one function a data set, each mapping its labels to the heads.

A head that a data set says nothing about is left out (masked), never guessed, but that harmless chat is taken to be
harmless, and for what :mod:`moderation.training.hints` reads from the words.
"""

import csv
import hashlib
import html
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from moderation.model.classifier import HEADS
from moderation.training.errors import PoolBroken
from moderation.training.hints import hinted
from moderation.training.rows import Row

csv.field_size_limit(1 << 24)

HARMLESS = dict.fromkeys(HEADS, 0.0)
_SAD = frozenset({9, 16, 25})  # disappointment, grief, sadness
_HARMLESS_EMOTIONS = frozenset({0, 1, 4, 5, 7, 8, 13, 15, 17, 18, 20, 21, 22, 23, 26, 27})  # GoEmotions' own numbering


def read_pool(folder: Path) -> list[Row]:
    """Every row of the pool, in the order of the files. Raises PoolBroken when a file or a column is missing."""
    with _reading("words", folder):
        lexicon = Lexicon(folder)
    rows: list[Row] = []
    for reader in _READERS:
        with _reading(reader.__name__.removeprefix("_"), folder):
            rows.extend(map(hinted, reader(folder, lexicon)))
    return rows


@contextmanager
def _reading(name: str, folder: Path) -> Iterator[None]:
    """Raises PoolBroken for what a data set lacks."""
    try:
        yield
    except FileNotFoundError as error:
        raise PoolBroken(f"{error.filename} is not there: the pool must hold the files its README names.") from error
    except (KeyError, ValueError, IndexError, csv.Error) as error:
        raise PoolBroken(f"The data set {name} in {folder} cannot be read: unexpected {error}.") from error


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every data file of the pool, for the card."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".csv", ".tsv", ".txt"})
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


class Lexicon:
    """The pool's word lists, used only to find rows that hold an offensive word."""

    def __init__(self, folder: Path) -> None:
        rows = _table(folder / "surge_profanity_en.csv")
        listed = {line.strip().lower() for line in (folder / "ldnoobw_en.txt").read_text("utf-8").splitlines()}
        self._any = {row["text"].lower() for row in rows} | listed

    def offensive(self, text: str) -> bool:
        """Whether any listed word stands in the text."""
        return not self._any.isdisjoint(_phrases(text))


def _phrases(text: str) -> Iterator[str]:
    """Every word, and every two and three words, of a text."""
    words = re.findall(r"\w+", text.lower())
    for length in (1, 2, 3):
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f"end of {path.name}, which holds no rows")
    return rows


def _lines(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.strip():
                yield line.rstrip("\n").split("\t")


def _davidson(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    """Class 1 ("offensive") is largely dialect: it is toxic only as far as its annotators agreed.

    Whether it is hate is left open. Its annotators chose one class of three, and other data sets call hate much of what
    these call offensive: as "not hate" it cost that head 3.6 points of AUROC on EDOS.
    """
    for row in _table(folder / "davidson_labeled.csv"):
        votes = int(row["count"])
        offensive = int(row["offensive_language"]) / votes
        kind = row["class"]
        if kind == "0":
            labels = {"tox": 1.0, "hate": 1.0, "spam": 0.0, "selfharm": 0.0}
        elif kind == "1":
            labels = {
                "tox": 0.9 if offensive == 1 else 0.7,
                "spam": 0.0,
                "selfharm": 0.0,
                "threat": 0.0,
            }
        else:
            labels = {"tox": 0.0, "insult": 0.0, "hate": 0.0, "threat": 0.0, "selfharm": 0.0}
        yield Row(html.unescape(row["tweet"]), "davidson", labels)


def _edos(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    for row in _table(folder / "edos_aggregated.csv"):
        labels: dict[str, float] = {"selfharm": 0.0, "spam": 0.0}
        if row["label_sexist"] == "sexist":
            threat = row["label_category"].startswith("1.")
            labels |= {"tox": 0.9, "hate": 1.0, "threat": float(threat)}
        else:
            labels |= {"hate": 0.0}
        text = row["text"].replace("[USER]", "@user").replace("[URL]", "http://x.example")
        yield Row(text, "edos", labels)


_SPANS = {"Insult": "insult", "Identity based Attack": "hate", "Threat": "threat"}


def _toxicspans(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    """Soft labels: the share of a comment's annotators who marked a span of that type."""
    text = {row["comment_id"]: row["comment_text"] for row in _table(folder / "toxicspans_comments.csv")}
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for row in _table(folder / "toxicspans_spans.csv"):
        kinds[row["annotation"]].add(row["type"])
    asked: Counter[str] = Counter()
    said: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in _table(folder / "toxicspans_annotations.csv"):
        comment = row["comment_id"]
        asked[comment] += 1
        marks = {_SPANS[kind] for kind in kinds[row["annotation"]] if kind in _SPANS}
        toxic = row["not toxic"] != "True" and bool(kinds[row["annotation"]] or row["all toxic"] == "True")
        said[comment].update(marks | ({"tox"} if toxic else set()))
    for comment, count in asked.items():
        if comment in text:
            shares = {head: said[comment][head] / count for head in ("tox", "insult", "hate", "threat")}
            labels = {head: share for head, share in shares.items() if share == 0 or share >= 0.5}
            yield Row(text[comment], "toxicspans", labels | {"selfharm": 0.0, "spam": 0.0})


def _tsd(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    for row in _table(folder / "tsd_train.csv"):
        if row["spans"].strip("[] "):
            yield Row(row["text"], "tsd", {"tox": 1.0, "selfharm": 0.0, "spam": 0.0})


def _hatemoji(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    for name in ("hatemojibuild_train.csv", "hatemojibuild_validation.csv"):
        for row in _table(folder / name):
            hateful = float(row["label_gold"])
            labels = {"hate": hateful, "tox": hateful, "selfharm": 0.0, "spam": 0.0}
            labels["threat"] = float(row["type"] == "threateninglanguage")
            yield Row(row["text"], "hatemoji", labels)


_CONVABUSE = {
    "sexual": ("sex_harassment",),
    "hate": ("racist", "sexist", "homophobic", "transphobic", "ableist"),
    "insult": ("intellectual",),
}


def _convabuse(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    for name in ("convabuse_train.csv", "convabuse_valid.csv"):
        for row in _table(folder / name):
            people = [number for number in range(1, 9) if row.get(f"Annotator{number}_is_abuse.1", "") != ""]
            if not people or not row["user"].strip():
                continue

            def share(kinds: tuple[str, ...], row: dict[str, str] = row, people: list[int] = people) -> float:
                said = [any(row.get(f"Annotator{who}_{kind}") == "1" for kind in kinds) for who in people]
                return sum(said) / len(said)

            abusive = share(("is_abuse.-1", "is_abuse.-2", "is_abuse.-3"))
            labels = {"tox": float(round(abusive))} if abusive != 0.5 else {}
            for head, kinds in _CONVABUSE.items():
                found = share(kinds)
                if found >= 0.5 or abusive == 0:
                    labels[head] = float(found >= 0.5)
            yield Row(row["user"], "convabuse", {**labels, "selfharm": 0.0, "spam": 0.0})


def _surge(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    for row in _table(folder / "surge_toxicity_en.csv"):
        toxic = row["is_toxic"] == "Toxic"
        yield Row(row["text"], "surge", {"tox": 1.0, "spam": 0.0} if toxic else HARMLESS)


def _wiki(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    for row in _table(folder / "wiki_toxicity_nonfuzzed.csv"):
        toxic = row["toxic"] == "True"
        yield Row(row["comment"], "wiki", {"tox": 1.0, "spam": 0.0} if toxic else HARMLESS)


def _jigsaw(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    for row in _table(folder / "jigsaw_ibm_sample102.csv"):
        labels = {"tox": row["toxic"], "insult": row["insult"], "hate": row["identity_hate"], "threat": row["threat"]}
        yield Row(row["comment_text"], "jigsaw", {head: float(label) for head, label in labels.items()})


def _goemotions(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    """Rows with friendly or neutral emotions and no listed word are harmless; the others are at least no spam.

    Nor do they speak of self-harm, but for sad ones, of which nobody said whether they do.
    """
    for name in ("goemotions_train.tsv", "goemotions_dev.tsv"):
        for text, emotions, *_ in _lines(folder / name):
            felt = {int(number) for number in emotions.split(",")}
            friendly = felt <= _HARMLESS_EMOTIONS
            if friendly and not lexicon.offensive(text):
                yield Row(text, "goemotions", HARMLESS)
            else:
                yield Row(text, "emotions", {"spam": 0.0} if felt & _SAD else {"spam": 0.0, "selfharm": 0.0})


def _sms(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    for kind, text in _lines(folder / "sms_spam.tsv"):
        if kind == "spam":
            yield Row(text, "sms", {"spam": 1.0, "hate": 0.0, "threat": 0.0, "selfharm": 0.0, "insult": 0.0})
        elif not lexicon.offensive(text):
            yield Row(text, "sms", HARMLESS)


_SLURS = {"racial / ethnic slurs": 1.6, "sexual orientation / gender": 2.2}  # kind → from which severity on
_INSULTS = {"other / general insult", "mental disability"}
_BODY = {"sexual anatomy / sexual acts", "bodily fluids / excrement"}


def _words(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    """Listed words, alone and said to somebody, so that rare ones are known as well."""
    for row in _table(folder / "surge_profanity_en.csv"):
        severity = float(row["severity_rating"] or 0)
        kinds = {row["category_1"], row.get("category_2", "")}
        labels = {"threat": 0.0, "selfharm": 0.0, "spam": 0.0}
        swears = "fuck" in row.get("canonical_form_1", "")  # "motherfucker" is filed under gender
        if any(kind in kinds and severity >= least and not swears for kind, least in _SLURS.items()):
            labels |= {"tox": 1.0, "hate": 1.0}
        elif kinds & _BODY:
            labels["hate"] = 0.0
        if severity >= 1.4:
            labels |= {"tox": 1.0, "insult": 1.0} if kinds & _INSULTS else {"tox": 1.0}
        if "tox" in labels:
            yield Row(row["text"], "words", labels)
            yield Row(f"you {row['text']}", "words", labels)


def _spans(folder: Path, lexicon: Lexicon) -> Iterator[Row]:
    """What annotators marked in a toxic comment, as a toxic row; and the rest of the comment, as a harmless one.

    A comment says that something in it is toxic; these two say what. Comments that are marked by half are left out.
    """
    for row in _table(folder / "tsd_train.csv"):
        marked = {int(place) for place in row["spans"].strip("[] ").split(",") if place.strip()}
        if marked and 2 * len(marked) <= len(row["text"]):
            inside = "".join(letter if place in marked else " " for place, letter in enumerate(row["text"]))
            outside = "".join(" " if place in marked else letter for place, letter in enumerate(row["text"]))
            yield Row(" ".join(inside.split()), "spans", {"tox": 1.0, "selfharm": 0.0, "spam": 0.0})
            harmless = {"tox": 0.0, "insult": 0.0, "selfharm": 0.0, "spam": 0.0}
            yield Row(" ".join(outside.split()), "rest", harmless)


# The last two come from rows of the others: what says the same word for word counts as the other data set's.
_READERS: tuple[Callable[[Path, Lexicon], Iterator[Row]], ...] = (
    _davidson, _edos, _toxicspans, _tsd, _hatemoji, _convabuse, _surge, _wiki, _jigsaw, _goemotions, _sms,
    _words, _spans,
)  # fmt: skip
