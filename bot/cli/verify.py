"""``confess verify``: can a post still be made again from what is on record?"""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # for a command's help nothing heavy is loaded
    from generation.adapter import Adapter
    from generation.generator import Generated, Identity
    from storage.models import Post


def verify(
    post_id: Annotated[int, typer.Argument(metavar="POST_ID", help="The post's number.")],
) -> None:
    """Write a post again from its seed, adapter, engine and options, and say whether it is the same.

    Ends with 0 when it is identical, 1 when anything differs.
    """
    from dataclasses import replace

    from bot.cli.console import console, plain
    from bot.cli.record import open_record
    from bot.settings import load_settings
    from bot.wiring import open_voice
    from generation.adapter import damaged_files
    from generation.generator import Request
    from generation.sampling import Sampling
    from storage import posts

    settings = load_settings()
    with open_record(settings) as database, database.reading() as session:
        post = posts.get(session, post_id)
    adapter = _adapter(settings.adapters.folder, post)
    for file in damaged_files(adapter):
        console.print(plain(f"The adapter's file {file} is not what its card says it was.", "red"))
    # The engine that wrote it, whatever the settings say today.
    voice = open_voice(
        settings.model_copy(update={"engine": settings.engine.model_copy(update={"name": post.engine})}), adapter
    )
    try:
        sampling = replace(Sampling(), **post.sampling)
        request = Request(prompt=post.prompt, topic=post.topic, seed=post.seed, sampling=sampling)
        [again] = voice.generate(request)
    finally:
        voice.close()
    raise typer.Exit(_tell(post, again, voice.identity))


def _tell(post: "Post", again: "Generated", now: "Identity") -> int:
    """Say what came of it; the exit code."""
    from bot.cli.console import console, plain

    then_and_now = {
        "adapter's fingerprint": (post.adapter_hash, now.adapter_hash),
        "base's fingerprint": (post.base_hash, now.base_hash),
        "engine's version": (post.engine_version, now.engine_version),
    }
    changed = {name: pair for name, pair in then_and_now.items() if pair[0] != pair[1]}
    text = post.text if post.original_text is None else post.original_text
    for name, (then, today) in changed.items():
        console.print(plain(f"The {name} was {then}, and is {today} now.", "yellow"))
    if again.text == text:
        console.print(f"[green]Identical:[/] post {post.id} was written again, letter for letter.")
        if post.original_text is not None:
            console.print("[dim]A person edited it afterwards; this is about what the model wrote.[/]")
        return 0
    console.print(f"[red]Different:[/] post {post.id} came out otherwise, with the same seed and options.")
    console.print(plain("then: " + text), plain("now:  " + again.text), sep="\n")
    if not now.reproducible:
        console.print(plain(f"The engine {now.engine} does not promise the same text again.", "dim"))
    elif not changed:
        console.print("[dim]Nothing on record differs; another kind of processor may round otherwise.[/]")
    return 1


def _adapter(folder: "object", post: "Post") -> "Adapter":
    """The adapter with the post's fingerprint, or the one of its name today."""
    from pathlib import Path

    from generation.adapter import find_adapter, list_adapters

    root = Path(str(folder))
    for adapter in list_adapters(root):
        if adapter.hash == post.adapter_hash:
            return adapter
    return find_adapter(root, post.adapter)
