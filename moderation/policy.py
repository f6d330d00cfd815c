"""What the house makes of a finding: `[policy]` of confess.toml, as data.

A rule is either flat (`slur = "block"`) or two thresholds on a score (`insult = { hold = 0.7, block = 0.95 }`). The
owner writes down only what differs from `DEFAULT_RULES`; a platform, an adult channel or one channel may differ
again, in that order, the closest place winning. X is the exception: nothing there is ever looser than at home.
"""

import hashlib
import json
import tomllib
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from moderation.context import Context
from moderation.errors import PolicyError
from moderation.verdict import Decision

CLASSIFIED = ("insult", "hate", "sexual", "threat", "selfharm", "spam")  # what the classifier scores
FOUND = 0.5  # a flat rule on one of these counts from this score on
NEVER_ALLOW = frozenset(
    {"minors", "minors-distant", "selfharm"}
)  # a finding on these is held at least, whatever the file says
ONLY_STRICTER = frozenset({"x"})  # public, searchable and not forgiving: never looser than the house's own rules


class Rule(BaseModel):
    """One category's fate: flat, or by score."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flat: Decision | None = Field(None, description="The same for every finding")
    hold: float | None = Field(None, ge=0, le=1, description="Hold from this score on")
    block: float | None = Field(None, ge=0, le=1, description="Block from this score on")

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return {"flat": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        thresholds = [limit for limit in (self.hold, self.block) if limit is not None]
        if (self.flat is None) is (not thresholds):
            raise ValueError('a rule is either one of "allow", "hold", "block", or thresholds { hold = …, block = … }')
        if self.hold is not None and self.block is not None and self.hold > self.block:
            raise ValueError(f"the hold threshold {self.hold} is above the block threshold {self.block}")
        return self

    def decide(self, score: float | None) -> tuple[Decision, float | None]:
        """The decision and the threshold that made it (of an allowed score: the one it stayed under)."""
        if self.flat is not None:
            return self.flat, None
        if score is None:  # found, not measured: never let through unseen
            return Decision.HOLD, None
        if self.block is not None and score >= self.block:
            return Decision.BLOCK, self.block
        if self.hold is not None and score >= self.hold:
            return Decision.HOLD, self.hold
        return Decision.ALLOW, self.hold if self.hold is not None else self.block

    def scaled(self, factor: float) -> "Rule":
        """The same rule with thresholds times `factor`."""
        if self.flat is not None or factor == 1:
            return self
        return Rule(
            hold=None if self.hold is None else self.hold * factor,
            block=None if self.block is None else self.block * factor,
        )


class Place(BaseModel):
    """Where the rules differ: a platform, adult channels, or one channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: dict[str, Rule] = Field(default_factory=dict, description="Category → rule, for this place only")
    always_review: bool | None = Field(None, description="Hold every text here for a person; like outside when empty")
    strictness: float = Field(1.0, gt=0, le=1, description="Thresholds are multiplied by this; smaller is stricter")


class PlatformPlace(Place):
    """A platform, and its channels."""

    channels: dict[str, Place] = Field(default_factory=dict, description="Channel id → how it differs")


class Shape(BaseModel):
    """What a well-formed post looks like here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_characters: int = Field(2000, ge=1, description="Longer posts are too long")
    max_mentions: int = Field(3, ge=0, description="More mentions than this are a mass mention")
    links: tuple[str, ...] = Field((), description="Hosts that may be linked to; their subdomains too")
    languages: tuple[str, ...] = Field(("en",), description="ISO 639-1 codes that are welcome; any when empty")


_HOLD, _BLOCK = Rule(flat=Decision.HOLD), Rule(flat=Decision.BLOCK)
DEFAULT_RULES: dict[str, Rule] = {
    **{category: Rule(hold=0.6, block=0.95) for category in CLASSIFIED},  # holds .3 % of the bundled corpus
    "swearing": _HOLD, "sexual-word": _HOLD, "slur": _BLOCK, "held-word": _HOLD, "blocked-word": _BLOCK,
    "email": _BLOCK, "phone": _BLOCK, "card": _BLOCK, "iban": _BLOCK, "address": _HOLD, "handle": _HOLD,
    "ip": _HOLD, "name": _HOLD, "public-person": _HOLD, "personal": _HOLD,
    "minors": _BLOCK, "minors-distant": _HOLD,
    "echo": Rule(hold=0.0, block=0.9), "repeat": Rule(hold=0.0, block=0.9),
    "empty": _BLOCK, "too-long": _HOLD, "control": _HOLD, "bidi": _HOLD, "tags": _BLOCK, "zalgo": _HOLD,
    "loop": _BLOCK, "quotes": _HOLD, "language": _HOLD, "mojibake": _HOLD,
    "mass-mention": _BLOCK, "invite": _BLOCK, "masked-link": _BLOCK, "link": _HOLD,
    "guard": _HOLD, "hidden": _HOLD,
}  # fmt: skip
DEFAULT_NSFW = Place(
    rules={
        "swearing": Rule(flat=Decision.ALLOW),
        "sexual-word": Rule(flat=Decision.ALLOW),
        "sexual": Rule(hold=0.95),
        "insult": Rule(hold=0.8, block=0.98),
    }
)
DEFAULT_PLATFORMS = {"x": PlatformPlace(always_review=True, strictness=0.85)}


class Policy(BaseModel):
    """The rules of the house; hashed, and stored with every verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(1, ge=1, description="Count it up when you change the rules")
    name: str = Field("house", description="What you call these rules")
    rules: dict[str, Rule] = Field(default_factory=dict, description="Category → rule, over the built-in ones")
    always_review: bool = Field(False, description="Hold every text for a person, on every platform")
    platforms: dict[str, PlatformPlace] = Field(default_factory=dict, description="Platform → how it differs")
    nsfw: Place = Field(DEFAULT_NSFW, description="How adult channels differ")
    shadow: dict[str, Rule] = Field(default_factory=dict, description="Rules that are tried and logged, not enforced")
    shape: Shape = Field(default_factory=Shape, description="What a well-formed post looks like")
    people: tuple[str, ...] = Field((), description="Real public persons who are never to be named")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        enforced = [self.rules, self.nsfw.rules]
        for platform in self.platforms.values():
            enforced += [platform.rules, *(channel.rules for channel in platform.channels.values())]
        unknown = {name for table in (*enforced, self.shadow) for name in table if name not in DEFAULT_RULES}
        for category in sorted(unknown):
            near = get_close_matches(category, DEFAULT_RULES, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ": " + ", ".join(sorted(DEFAULT_RULES))
            raise ValueError(f'there is no category "{category}"{hint}')
        for category in NEVER_ALLOW:
            for table in enforced:
                rule = table.get(category)
                if rule is not None and (rule.flat is Decision.ALLOW or (rule.flat is None and rule.hold is None)):
                    raise ValueError(f'"{category}" can be held or blocked, never allowed')
        return self

    @classmethod
    def default(cls) -> Self:
        """The rules of a house whose owner wrote none."""
        return cls()

    @classmethod
    def read(cls, path: Path) -> Self:
        """The policy in a TOML file: its `[policy]` table, or the whole file when it has none.

        Raises:
            PolicyError: the file cannot be read, is not TOML, or a rule is wrong.
        """
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise PolicyError(f"There is no policy at {path}; check the name.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyError(f"The policy {path} cannot be read: {error}.") from None
        except tomllib.TOMLDecodeError as error:
            raise PolicyError(f"The policy {path} is not valid TOML: {error}.") from None
        try:
            return cls.model_validate(data.get("policy", data))
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"]) or "the policy"
            raise PolicyError(f"In {path}, {where} is wrong: {problem['msg']}.") from None

    @cached_property
    def hash(self) -> str:
        """Twelve hexadecimal digits of SHA-256 over everything that decides."""
        effective = self.model_dump(mode="json") | {
            "defaults": {name: rule.model_dump(mode="json") for name, rule in DEFAULT_RULES.items()},
            "platform_defaults": {name: place.model_dump(mode="json") for name, place in DEFAULT_PLATFORMS.items()},
        }
        return hashlib.sha256(json.dumps(effective, sort_keys=True).encode()).hexdigest()[:12]

    @cached_property
    def _tables(self) -> dict[tuple[str, str | None, bool], dict[str, Rule]]:
        """Category → rule for each place that was asked about."""
        return {}

    def decide(self, category: str, score: float | None, context: Context) -> tuple[Decision, float | None]:
        """What becomes of a finding, and the threshold it was held against. An unknown category is held."""
        here = _decide(self.rule(category, context), category, score)
        if context.platform not in ONLY_STRICTER:
            return here
        home = _decide(self.rule(category, _HOME), category, score)
        return here if here[0].severity >= home[0].severity else home

    def shadow_decision(self, category: str, score: float | None) -> tuple[Decision, float | None] | None:
        """What the shadow rule would make of a finding; None when there is no such rule."""
        rule = self.shadow.get(category)
        return None if rule is None else rule.decide(score)

    def reviews_always(self, context: Context) -> bool:
        """Whether a person looks at every text for this place."""
        switch = self.always_review
        for place in self._places(context):
            switch = switch if place.always_review is None else place.always_review
        return switch

    def rule(self, category: str, context: Context) -> Rule | None:
        """The rule in force for a category in a place."""
        key = (context.platform, context.channel, context.nsfw)
        table = self._tables.get(key)
        if table is None:
            if len(self._tables) > 10_000:  # one table a channel; start over rather than grow without end
                self._tables.clear()
            table = self._tables[key] = self._table(context)
        return table.get(category)

    def _places(self, context: Context) -> list[Place]:
        """The places a text is in, from the widest to the closest."""
        default = DEFAULT_PLATFORMS.get(context.platform, PlatformPlace())
        own = self.platforms.get(context.platform, PlatformPlace())
        channel = own.channels.get(context.channel or "", Place())
        return [default, own, *([self.nsfw] if context.nsfw else []), channel]

    def _table(self, context: Context) -> dict[str, Rule]:
        """Category → rule for one place."""
        table = DEFAULT_RULES | self.rules
        factor = 1.0
        for place in self._places(context):
            table |= place.rules
            factor = place.strictness if place.strictness != 1 else factor
        return {name: rule.scaled(factor) for name, rule in table.items()}


_HOME = Context()


def _decide(rule: Rule | None, category: str, score: float | None) -> tuple[Decision, float | None]:
    if rule is None:
        return Decision.HOLD, None
    if rule.flat is not None and category in CLASSIFIED and score is not None and score < FOUND:
        return Decision.ALLOW, FOUND
    return rule.decide(score)
