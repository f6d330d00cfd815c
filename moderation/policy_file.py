"""Writing rules into the owner's confess.toml, line by line, so that comments and everything else stay."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from moderation.errors import PolicyError
from moderation.policy import Policy, Rule

_HEADER = re.compile(r"\s*\[")
_RULES = "[policy.rules]"


def set_rules(path: Path, rules: Mapping[str, Rule], *, note: str) -> None:
    """Put `rules` under `[policy.rules]`, in place of those with the same names, with `note` as a comment above.

    The file is made when it is absent. It is checked before it is put in place.

    Raises:
        PolicyError: the file cannot be read, or writes its rules in a way that cannot be edited line by line.
    """
    try:
        old = path.read_text("utf-8") if path.exists() else ""
        before = tomllib.loads(old)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicyError(f"{path} cannot be changed, because it cannot be read: {error}.") from None
    lines = [f"{name} = {_inline(rule)}" for name, rule in rules.items()]
    new = _edited(old, lines, {*rules}, note)
    try:
        after = tomllib.loads(new)
    except tomllib.TOMLDecodeError:
        after = {}
    if not _as_meant(before, after, rules):
        wanted = "\n".join([_RULES, *lines])
        raise PolicyError(
            f"{path} writes its policy in a way that cannot be edited safely; put this in yourself:\n{wanted}"
        )
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(new, "utf-8")
    partial.replace(path)


def _inline(rule: Rule) -> str:
    if rule.flat is not None:
        return f'"{rule.flat.value}"'
    parts = [f"{name} = {limit}" for name, limit in (("hold", rule.hold), ("block", rule.block)) if limit is not None]
    return f"{{ {', '.join(parts)} }}"


def _edited(old: str, lines: list[str], names: set[str], note: str) -> str:
    """The text with the lines in the rules section, which is added at the end when there is none."""
    kept: list[str] = []
    inside = placed = False
    for line in old.splitlines():
        if _HEADER.match(line):
            inside = line.split("#")[0].strip() == _RULES
            kept.append(line)
            if inside and not placed:
                kept += [f"# {note}", *lines]
                placed = True
            continue
        name = line.split("=")[0].strip().strip("\"'")
        if inside and ("=" in line and name in names):
            continue
        if inside and line.startswith("# Calibrated "):
            continue
        kept.append(line)
    if not placed:
        kept += ["", _RULES, f"# {note}", *lines]
    return "\n".join(kept).lstrip("\n") + "\n"


def _as_meant(before: dict[str, object], after: dict[str, object], rules: Mapping[str, Rule]) -> bool:
    """Whether the rules are there, valid, and nothing else has changed."""
    policy = after.get("policy")
    if not isinstance(policy, dict) or not isinstance(policy.get("rules"), dict):
        return False
    old_policy = before.get("policy", {})
    old_rules = old_policy.get("rules", {}) if isinstance(old_policy, dict) else {}
    wanted = {name: rule.model_dump(mode="json", exclude_none=True) for name, rule in rules.items()}
    for name, rule in rules.items():
        if rule.flat is not None:
            wanted[name] = rule.flat.value  # type: ignore[assignment]
    same_rules = policy["rules"] == {**old_rules, **wanted}
    bare = {name: value for name, value in policy.items() if name != "rules"}
    old_bare = (
        {name: value for name, value in old_policy.items() if name != "rules"} if isinstance(old_policy, dict) else {}
    )
    others = {name: value for name, value in after.items() if name != "policy"}
    old_others = {name: value for name, value in before.items() if name != "policy"}
    Policy.model_validate(policy)
    return same_rules and bare == old_bare and others == old_others
