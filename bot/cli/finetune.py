"""``confess finetune``: rows in, an adapter out, with a picture of what is going on. Every recipe key is a flag."""

import contextlib
import inspect
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typing_extensions import Doc

from bot.cli.reading import Consent, Paths, reads_posts
from finetune.recipe import Recipe, bundled

if TYPE_CHECKING:
    from finetune.corpus.options import ReadOptions


def _with_recipe_flags(command: Callable[..., None]) -> Callable[..., None]:
    """The command with one option for each recipe key, as Typer reads it: in its signature and annotations."""
    signature = inspect.signature(command)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    extra = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for key, annotation in _recipe_options().items()
    ]
    command.__signature__ = signature.replace(parameters=[*own, *extra])  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *extra]} | {"return": None}
    return command


def _recipe_options() -> dict[str, Any]:
    options: dict[str, Any] = {}
    hints = get_type_hints(Recipe, include_extras=True)
    for field in fields(Recipe):
        kind, *extras = get_args(hints[field.name])
        said = next(extra.documentation for extra in extras if isinstance(extra, Doc))
        plain = next((part for part in get_args(kind) if part is not type(None)), kind) if _optional(kind) else kind
        many = get_origin(plain) is tuple
        default = "" if field.default is None else f" [default: {str(field.default).lower()}]"
        options[field.name] = Annotated[
            (list[str] if many else plain) | None,
            typer.Option(help=said[0].upper() + said[1:] + "." + default, rich_help_panel="Recipe", show_default=False),
        ]
    return options


def _optional(kind: Any) -> bool:
    return type(None) in get_args(kind)


@reads_posts
@_with_recipe_flags
def finetune(
    corpus: Paths,
    *,
    options: "ReadOptions",
    name: Annotated[str, typer.Option(help="Of the adapter; its folder is called so.")] = "voice",
    recipe: Annotated[str, typer.Option(help=f"A TOML file, or a bundled one: {', '.join(bundled())}.")] = "default",
    out: Annotated[Path | None, typer.Option(help="Folder of the adapters; the setting's when left out.")] = None,
    consent: Consent = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over, replacing what has that name.")] = False,
    **flags: Any,
) -> None:
    """Teach a base model the voice of some posts, and judge the result.

    Stopped with Ctrl-C or killed, the same command goes on where it was.
    """
    from bot.cli.training import Show, summary
    from finetune.progress import silent
    from finetune.run import finetune as teach

    settled = Recipe.load(recipe, flags)
    if out is None:
        from bot.settings import load_settings

        out = load_settings().adapters.folder
    leads = os.environ.get("RANK", "0") == "0"  # of the processes that `accelerate launch` started, one speaks
    with Show() if leads else contextlib.nullcontext() as show:
        adapter = teach(
            corpus,
            settled,
            out,
            name=name,
            progress=show.update if show else silent,
            options=options,
            consent=consent,
            fresh=fresh,
        )
    if leads:
        summary(adapter)
