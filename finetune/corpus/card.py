"""The data card: what a corpus is made of, for people (Markdown) and for machines (JSON), without its texts.

After Gebru et al. 2021, "Datasheets for datasets", cut down to what can be counted or was said. ``data-rows.npy`` holds
the sorted 64-bit hashes of the rows, so that a later wish to forget finds the adapters that learned a row.
"""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from finetune.corpus.read import Corpus

CARD_JSON, CARD_MARKDOWN = "data-card.json", "data-card.md"
ROWS_FILE = "data-rows.npy"  # sorted 64-bit hashes of the rows, uint64
NO_CONSENT = "Nobody said whether the authors agreed; say it with --consent."


def describe(corpus: Corpus, *, consent: str = "", now: datetime | None = None) -> dict[str, Any]:
    """The data card as plain JSON data."""
    authors: set[str] = set()
    first: datetime | None = None
    last: datetime | None = None
    for row in corpus.rows:
        if row.author and len(authors) <= 10_000:
            authors.add(row.author)
        if row.created_at is not None:
            first = row.created_at if first is None else min(first, row.created_at)
            last = row.created_at if last is None else max(last, row.created_at)
    options = asdict(corpus.options) | {"authors": len(corpus.options.authors)}
    found = {
        "made_at": now.isoformat() if now else None,
        "consent": consent or NO_CONSENT,
        "rows": len(corpus.rows),
        "characters": corpus.characters,
        "rows_sha256": corpus.sha256,
        "seen": corpus.seen,
        "drops": dict(corpus.drops.most_common()),
        "authors": f"more than {len(authors) - 1:,}" if len(authors) > 10_000 else len(authors),
        "first_post": first.isoformat() if first else None,
        "last_post": last.isoformat() if last else None,
        "sources": [asdict(source) for source in corpus.sources],
        "formats": [asdict(found) for found in corpus.sniffed],
        "options": options,
        "audit": corpus.audit.to_json() if corpus.audit else None,
        "warnings": corpus.warnings,
    }
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def write(folder: Path, corpus: Corpus, *, consent: str = "", now: datetime | None = None) -> dict[str, Any]:
    """Write the three files of the card into `folder` and return its data; the JSON comes last, whole."""
    found = describe(corpus, consent=consent, now=now)
    folder.mkdir(parents=True, exist_ok=True)
    hashes = np.fromiter((row.hash for row in corpus.rows), dtype=np.uint64, count=len(corpus.rows))
    np.save(folder / ROWS_FILE, np.sort(hashes), allow_pickle=False)
    (folder / CARD_MARKDOWN).write_text(to_markdown(found), encoding="utf-8")
    partial = folder / (CARD_JSON + ".tmp")
    partial.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(folder / CARD_JSON)
    return found


def to_markdown(card: dict[str, Any]) -> str:
    """The card for people."""
    lines = ["# Data card", "", f"{card['rows']:,} posts, {card['characters']:,} characters."]
    if card["first_post"]:
        lines.append(f"Written between {card['first_post'][:10]} and {card['last_post'][:10]}.")
    if card["authors"]:
        lines.append(f"Authors named in the sources: {card['authors']}.")
    lines += [
        "",
        f"**Consent:** {card['consent']}",
        "",
        "## Sources",
        "",
        "| file | bytes | SHA-256 |",
        "|---|---:|---|",
    ]
    lines += [f"| {_cell(each['path'])} | {each['size']:,} | `{each['sha256']}` |" for each in card["sources"]]
    lines += ["", f"SHA-256 of the rows: `{card['rows_sha256']}`", "", "## How it was read", ""]
    lines += [f"- {_cell(each['source'])}: {_cell(each['detail'])}" for each in card["formats"][:50]]
    lines += ["", "## Left out", "", f"{card['seen']:,} records were met, {card['rows']:,} kept."]
    lines += ["", "| reason | rows |", "|---|---:|"]
    lines += [f"| {_cell(reason)} | {count:,} |" for reason, count in card["drops"].items()] or ["| nothing | 0 |"]
    if card["audit"]:
        lines += _audit_lines(card["audit"])
    if card["warnings"]:
        lines += ["", "## Mind", "", *(f"- {_cell(warning)}" for warning in card["warnings"])]
    return "\n".join(lines) + "\n"


def _audit_lines(audit: dict[str, Any]) -> list[str]:
    lines = ["", "## What is in it", "", f"{audit['judged']:,} of {audit['of']:,} rows were judged.", ""]
    lines += ["| finding | rows | share | what was done |", "|---|---:|---:|---|"]
    lines += [
        f"| {_cell(category)} | {found['rows']:,} | {found['rows'] / max(1, audit['judged']):.1%} | {found['action']} |"
        for category, found in audit["findings"].items()
    ] or ["| none | 0 | 0 % | |"]
    lines += ["", f"Rows that look like several posts: {audit['several']:.1%}.", ""]
    lines += ["| length in characters | rows |", "|---|---:|"]
    lines += [f"| {name} | {count:,} |" for name, count in audit["lengths"].items()]
    words = audit["vocabulary"]
    lines += ["", f"{words['words']:,} words, {words['distinct']:,} different ones.", ""]
    lines += ["| a word that stands in it | such words |", "|---|---:|"]
    lines += [f"| {name} | {count:,} |" for name, count in words["frequencies"].items()]
    return lines


def _cell(text: str) -> str:
    """Hostile text in a Markdown table: one line, no bars, no markup."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")[:500]
