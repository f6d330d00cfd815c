"""``confess adapters``: what has been trained, two side by side, and out to other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import console, errors, plain

if TYPE_CHECKING:
    from generation.adapter import Adapter

app = typer.Typer(help="See what has been trained; compare, export and publish it.")

Folder = Annotated[Path | None, typer.Option("--folder", help="Folder of the adapters; the setting's when left out.")]


@app.callback(invoke_without_command=True)
def main(context: typer.Context, folder: Folder = None) -> None:
    """List the adapters, when no other command is given."""
    if context.invoked_subcommand is None:
        show(folder)


@app.command("list")
def show(folder: Folder = None) -> None:
    """List the adapters, newest first."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from finetune.compare import metric
    from generation.adapter import list_adapters

    root = folder or _root()
    found = list_adapters(root)
    caption = "before, after: held-out loss in nats a token"
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=caption, caption_justify="left")
    for heading in ("name", "base", "made"):
        table.add_column(heading, overflow="fold")  # a name cut short could not be typed
    for heading in ("before", "after", "copies", "stops", "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    for adapter in found:
        name = plain(adapter.name, "bold").append(" stale" if adapter.stale else "", "bold red")
        size = sum(mark.bytes for mark in adapter.card.files.values()) / 1e6
        numbers = [metric(adapter, path) for path in ("before.loss", "after.loss", "samples.copied", "samples.stopped")]
        styles = ("{:.3f}", "{:.3f}", "{:.1%}", "{:.1%}")
        shown = ["–" if n is None else style.format(n) for n, style in zip(numbers, styles, strict=True)]
        made = f"{adapter.card.created_at:%Y-%m-%d %H:%M}"
        table.add_row(name, plain(adapter.card.base), made, *shown, f"{size:,.1f} MB")
    if not found:
        console.print(Text(f"There is no adapter in {root} yet; 'confess finetune FILE' makes one."))
        return
    console.print(table)
    for adapter in found:
        if adapter.stale:
            console.print(plain(adapter.stale, "red"))


@app.command()
def compare(
    left: Annotated[str, typer.Argument(metavar="A")],
    right: Annotated[str, typer.Argument(metavar="B")],
    folder: Folder = None,
) -> None:
    """Put two adapters side by side, with a post of each at every temperature."""
    from rich import box
    from rich.table import Table

    from finetune.compare import compare as lines_of

    adapters = [_open(left, folder), _open(right, folder)]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column(plain(left))
    table.add_column(plain(right))
    for line in lines_of(*adapters):
        table.add_row(
            line.what,
            plain(line.left, "green" if line.better == "left" else ""),
            plain(line.right, "green" if line.better == "right" else ""),
        )
    table.add_section()
    for (temperature, one), (_, other) in zip(*(_samples(adapter) for adapter in adapters), strict=False):
        table.add_row(f"at {temperature:g}", plain(one, "italic"), plain(other, "italic"))
    console.print(table)


@app.command()
def export(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder that is not there yet.")],
    folder: Folder = None,
) -> None:
    """Merge an adapter into its base: a plain transformers folder."""
    from finetune.export import export as merge

    with console.status("Merging…"):
        merge(_leaving(name, folder), out)
    console.print(plain(f"{name}, merged, is in {out}; transformers loads it with from_pretrained."))


@app.command()
def push(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    repository: Annotated[str, typer.Argument(metavar="YOU/REPO", help="On the Hugging Face Hub.")],
    merged: Annotated[bool, typer.Option("--merged", help="Upload the merged model, not the adapter.")] = False,
    public: Annotated[bool, typer.Option("--public", help="Let everybody see it.")] = False,
    folder: Folder = None,
) -> None:
    """Upload an adapter to the Hugging Face Hub, without the posts it learned from."""
    from finetune.export import push as upload

    with console.status("Uploading…"):
        address = upload(_leaving(name, folder), repository, merged=merged, private=not public)
    console.print(plain(f"{name} is at {address}."))


def _root() -> Path:
    from bot.settings import load_settings

    return load_settings().adapters.folder


def _open(name: str, folder: Path | None) -> "Adapter":
    from generation.adapter import find_adapter

    return find_adapter(folder or _root(), name)


def _leaving(name: str, folder: Path | None) -> Path:
    """The folder of an adapter that goes out of our hands; says so when it learned what was taken back since."""
    adapter = _open(name, folder)
    if adapter.stale:
        errors.print(plain(adapter.stale, "yellow"))
    return adapter.folder


def _samples(adapter: "Adapter") -> list[tuple[float, str]]:
    """The first post at each temperature that the adapter wrote after its training."""
    import json

    firsts: dict[float, str] = {}
    for line in (adapter.folder / "samples.jsonl").read_text(encoding="utf-8").splitlines():
        sample = json.loads(line)
        if sample["topic"] is None and sample["stopped"]:
            firsts.setdefault(sample["temperature"], sample["text"])
    return list(firsts.items())
