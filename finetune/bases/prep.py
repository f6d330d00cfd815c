"""Turn the base's text shards into a tokenizer and two files of ready-made training rows.

Story: read every shard, cut it into pieces (half of the documents into passages that fit the context, half into post-
sized groups of one to four sentences, so that a small model sees many beginnings and ends), train an 8k byte-level
BPE on them, tokenise, and pack whole pieces into rows that all begin with the end token. The rows come in two orders:
a broad mix for the constant-rate phase and a more conversational one for the decay (annealing on the best text last:
Hu et al. 2024, "MiniCPM", section 4). The two take their pieces from opposite ends of one shuffled list, so that they
overlap only where a shard is too small for both.
"""

import argparse
import hashlib
import json
import lzma
import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"
END_ID = 0
CONTEXT = {"stable": 128, "decay": 256, "val": 256}  # tokens of a row; short rows first cost less attention
PASSAGE_CHARS = 850  # about 210 tokens: long enough to teach a paragraph, short enough to fit one row
POST_CHARS = (30, 260)  # the range of lengths of a short post
SHORT_SHARE = {"stable": 0.6, "decay": 0.7}
VAL_SHARE = 0.004
MIN_PASSAGES = 50  # a shard with fewer passages is one of single lines: all of it goes in as posts

Rows = NDArray[np.uint16]
Mix = dict[str, dict[str, float]]
Say = Callable[[str], Any]

_SENTENCE_END = re.compile(r"[.!?…][\"”’')\]]*(?=\s)")
_FIRST_PERSON = re.compile(r"\b(I|I'm|I’m|i|my|My|me|we|We|our)\b")


def documents(shard: Path) -> list[str]:
    """The documents of an `.xz` shard, in file order: records lie between lines that hold only the end token."""
    text = lzma.decompress(shard.read_bytes()).decode("utf-8")
    return [part.strip() for part in text.split(f"\n{END}\n") if part.strip(f" \n{END}")]


def sentences(line: str) -> list[str]:
    """Split one line after closing punctuation (and the quotes behind it); never returns an empty string."""
    cuts = [0, *(match.end() for match in _SENTENCE_END.finditer(line)), len(line)]
    parts = [line[a:b].strip() for a, b in pairwise(cuts)]
    return [part for part in parts if part]


def posts(document: str, rng: random.Random) -> Iterator[str]:
    """Cut a document into post-sized texts: runs of sentences of one line, each with a length drawn at random.

    Pieces that never say "I" or "we" are dropped half of the time: posts are written in the first person.
    """
    for line in document.split("\n"):
        group: list[str] = []
        target = rng.randint(*POST_CHARS)
        for sentence in [*sentences(line), ""]:
            length = sum(map(len, group)) + len(group)
            if group and (not sentence or length >= target or length + len(sentence) > POST_CHARS[1] + 20):
                piece = " ".join(group)
                if len(piece) > 11 and (_FIRST_PERSON.search(piece) or rng.random() < 0.5):
                    yield piece
                group, target = [], rng.randint(*POST_CHARS)
            group.append(sentence)


def passages(document: str) -> Iterator[str]:
    """Cut a document at line ends into passages of at most about `PASSAGE_CHARS`; long lines at sentence ends."""
    passage = ""
    for line in document.split("\n"):
        parts = [line] if len(line) <= PASSAGE_CHARS else sentences(line)
        for index, part in enumerate(parts):
            if passage and len(passage) + len(part) > PASSAGE_CHARS:
                yield passage.strip()
                passage = ""
            passage += ("\n" if index == 0 else " ") + part if passage else part
    if passage.strip():
        yield passage.strip()


def cut(shard: Path, seed: int) -> dict[str, list[str]]:
    """The pieces of a shard by kind, shuffled: `short` (posts), `long` (passages) and `val` (held out passages)."""
    rng = random.Random(f"{seed}:{shard.name}")
    found = documents(shard)
    rng.shuffle(found)
    held_out = max(1, int(len(found) * VAL_SHARE))
    pools: dict[str, list[str]] = {"val": [], "short": [], "long": []}
    for index, document in enumerate(found):
        if index < held_out:
            pools["val"].extend(passages(document))
        elif len(document) <= POST_CHARS[1]:
            pools["short"].append(document)
        elif rng.random() < 0.55:
            pools["short"].extend(posts(document, rng))
        else:
            pools["long"].extend(passages(document))
    for pool in pools.values():
        rng.shuffle(pool)
    return pools


def train_tokenizer(pools: dict[str, dict[str, list[str]]], mix: Mix, megabytes: float) -> Any:
    """Train the byte-level BPE (8,192 tokens, token 0 = end) on a sample drawn with the mix's decay weights."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=8192,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2,
        show_progress=False,
    )

    def sample() -> Iterator[str]:
        total = sum(weight["decay"] for weight in mix.values())
        for name, weight in mix.items():
            wanted = megabytes * 1e6 * weight["decay"] / total
            for kind in ("short", "long"):
                taken = 0
                for piece in pools[name][kind]:
                    if taken > wanted / 2:
                        break
                    taken += len(piece)
                    yield piece

    tokenizer.train_from_iterator(sample(), trainer)
    return tokenizer


def encode(tokenizer: Any, pieces: list[str]) -> list[Rows]:
    """Each piece as end token + its ids; pieces keep their order."""
    encoded: list[Rows] = []
    for start in range(0, len(pieces), 4000):
        for one in tokenizer.encode_batch_fast(pieces[start : start + 4000]):
            encoded.append(np.array([END_ID, *one.ids], dtype=np.uint16))
    return encoded


def take(pool: list[Rows], tokens: float, row: int, *, backwards: bool) -> tuple[list[Rows], float]:
    """Take `tokens` worth of pieces, cut to a row, from one end of a pool; goes round again where it is too small.

    Returns the pieces and how many times the pool was gone through.
    """
    order = pool[::-1] if backwards else pool
    chosen: list[Rows] = []
    count = 0
    while order and count < tokens:
        piece = order[len(chosen) % len(order)][:row]
        chosen.append(piece)
        count += len(piece)
    return chosen, len(chosen) / max(1, len(order))


def pack(pieces: list[Rows], size: int, rng: random.Random) -> Rows:
    """Pack pieces into rows of `size` tokens, best fit first; only the last piece of a row is ever cut short.

    Each row starts with the end token, as a post does at generation time; within a row the order is random.
    Rows come shuffled, as an array of shape (rows, size).
    """
    rng.shuffle(pieces)
    rows: list[Rows] = []
    for start in range(0, len(pieces), 20_000):
        by_length: list[list[Rows]] = [[] for _ in range(size + 1)]
        for piece in pieces[start : start + 20_000]:
            by_length[min(len(piece), size)].append(piece[:size])
        left = len(pieces[start : start + 20_000])
        while left:
            room, row, last = size, [], None
            while room and left:
                length = next((n for n in range(room, 1, -1) if by_length[n]), 0)
                if not length:
                    length = next(n for n in range(2, size + 1) if by_length[n])
                    last = by_length[length].pop()[:room]
                    room -= len(last)
                else:
                    row.append(by_length[length].pop())
                    room -= length
                left -= 1
            if room == 0:
                rng.shuffle(row)
                rows.append(np.concatenate(row if last is None else [*row, last]))
    rng.shuffle(rows)
    return np.stack(rows)


def prepare(
    data: Path, out: Path, mix: Mix, *, millions: dict[str, float], bpe_megabytes: float, seed: int, say: Say
) -> None:
    """Read shards, write ``tokenizer.json``, ``stable.npy``, ``decay.npy``, ``val.npy`` and (last) ``meta.json``.

    Args:
        data: folder that holds ``NAME.txt.xz`` for each name in the mix.
        out: folder to write to.
        mix: for each shard its weight in each phase, in any unit.
        millions: tokens of each phase, in millions.
        bpe_megabytes: size of the tokenizer's sample.
        seed: of every shuffle and draw.
        say: takes one line of news.
    """
    out.mkdir(parents=True, exist_ok=True)
    pools = {name: cut(data / f"{name}.txt.xz", seed) for name in mix}
    tokenizer = train_tokenizer(pools, mix, bpe_megabytes)
    tokenizer.save(str(out / "tokenizer.json"))
    phases: dict[str, list[Rows]] = {"stable": [], "decay": [], "val": []}
    shards: dict[str, dict[str, Any]] = {}
    for name, pool in pools.items():
        encoded = {kind: encode(tokenizer, pieces) for kind, pieces in pool.items()}
        phases["val"].extend(encoded["val"][:200])
        passes: dict[str, float] = {}
        for phase in ("stable", "decay"):
            share = mix[name][phase] / sum(weight[phase] for weight in mix.values())
            short = SHORT_SHARE[phase] if len(encoded["long"]) > MIN_PASSAGES else 1.0
            for kind, part in (("short", short), ("long", 1 - short)):
                wanted = millions[phase] * 1e6 * share * part
                pieces, gone = take(encoded[kind], wanted, CONTEXT[phase] + 1, backwards=phase == "decay")
                phases[phase].extend(pieces)
                passes[f"{phase}_{kind}"] = round(gone, 3)
        tokens = sum(len(piece) for kind in ("short", "long") for piece in encoded[kind])
        digest = hashlib.sha256((data / f"{name}.txt.xz").read_bytes()).hexdigest()
        shards[name] = {"sha256": digest, "tokens": tokens, "passes": passes}
        say(f"{name}: {shards[name]}")
    rng = random.Random(seed)
    for phase, pieces in phases.items():
        rows = pack(pieces, CONTEXT[phase] + 1, rng)
        np.save(out / f"{phase}.npy", rows)
        say(f"{phase}: {len(rows)} rows of {rows.shape[1]}")
    (out / "meta.json").write_text(json.dumps({"seed": seed, "shards": shards}, indent=1) + "\n", "utf-8")


def main() -> None:
    """Read the command line and prepare the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of NAME.txt.xz shards")
    parser.add_argument("--mix", type=Path, default=Path(__file__).parent / "mix.json", help="weights per shard")
    parser.add_argument("--out", type=Path, required=True, help="folder for tokenizer, rows and meta.json")
    parser.add_argument("--stable", type=float, default=14.0, help="million tokens of the constant-rate phase")
    parser.add_argument("--decay", type=float, default=6.0, help="million tokens of the decay phase")
    parser.add_argument("--bpe-megabytes", type=float, default=40.0, help="size of the tokenizer's sample")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    mix: Mix = json.loads(args.mix.read_text("utf-8"))
    millions = {"stable": args.stable, "decay": args.decay}
    say = Console(highlight=False, soft_wrap=True, markup=False).print
    prepare(args.data, args.out, mix, millions=millions, bpe_megabytes=args.bpe_megabytes, seed=args.seed, say=say)


if __name__ == "__main__":
    main()
