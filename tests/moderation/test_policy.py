"""The policy: data that decides, closest place first, never soft on what must never pass."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from moderation.context import Context
from moderation.errors import PolicyError
from moderation.policy import CLASSIFIED, DEFAULT_RULES, NEVER_ALLOW, Policy, Rule
from moderation.verdict import Decision

HOME, DISCORD, ADULT, X = Context(), Context("discord"), Context("discord", nsfw=True), Context("x")
_DECISIONS = st.sampled_from(list(Decision))
_UNIT = st.floats(0, 1)
_RULES = st.one_of(
    _DECISIONS.map(lambda flat: Rule(flat=flat)),
    st.tuples(_UNIT, _UNIT).map(lambda pair: Rule(hold=min(pair), block=max(pair))),
    _UNIT.map(lambda hold: Rule(hold=hold)),
    _UNIT.map(lambda block: Rule(block=block)),
)


def test_a_rule_is_a_word_or_two_thresholds() -> None:
    policy = Policy.model_validate({"rules": {"insult": "block", "hate": {"hold": 0.2, "block": 0.4}}})
    assert policy.decide("insult", 0.9, HOME) == (Decision.BLOCK, None)
    assert policy.decide("hate", 0.3, HOME) == (Decision.HOLD, 0.2)
    assert policy.decide("hate", 0.4, HOME) == (Decision.BLOCK, 0.4)
    assert policy.decide("hate", 0.1, HOME) == (Decision.ALLOW, 0.2)


def test_a_flat_rule_on_a_scored_category_needs_a_likely_score() -> None:
    policy = Policy.model_validate({"rules": {"insult": "block"}})
    assert policy.decide("insult", 0.01, HOME)[0] is Decision.ALLOW
    assert policy.decide("insult", None, HOME)[0] is Decision.BLOCK


@pytest.mark.parametrize(
    "rule",
    ["perhaps", {}, {"hold": 0.5, "flat": "hold"}, {"hold": 0.9, "block": 0.5}, {"hold": 1.5}, {"held": 0.5}, 3],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: object) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({"rules": {"insult": rule}})


@pytest.mark.parametrize("category", sorted(NEVER_ALLOW))
@pytest.mark.parametrize("rule", ["allow", {"block": 0.99}])
@pytest.mark.parametrize("where", ["home", "platform", "channel", "nsfw"])
def test_what_must_never_pass_cannot_be_allowed_anywhere(category: str, rule: object, where: str) -> None:
    rules = {"rules": {category: rule}}
    data: object = {
        "home": rules,
        "platform": {"platforms": {"discord": rules}},
        "channel": {"platforms": {"discord": {"channels": {"1": rules}}}},
        "nsfw": {"nsfw": rules},
    }[where]
    with pytest.raises(ValidationError, match="never allowed"):
        Policy.model_validate(data)


def test_the_closest_place_wins() -> None:
    policy = Policy.model_validate(
        {
            "rules": {"swearing": "block"},
            "platforms": {
                "discord": {"rules": {"swearing": "hold"}, "channels": {"7": {"rules": {"swearing": "block"}}}}
            },
        }
    )
    assert policy.decide("swearing", None, HOME)[0] is Decision.BLOCK
    assert policy.decide("swearing", None, DISCORD)[0] is Decision.HOLD
    assert policy.decide("swearing", None, ADULT)[0] is Decision.ALLOW
    assert policy.decide("swearing", None, Context("discord", "7"))[0] is Decision.BLOCK
    assert policy.decide("swearing", None, Context("discord", "7", nsfw=True))[0] is Decision.BLOCK


def test_an_adult_channel_is_looser_but_not_on_slurs() -> None:
    policy = Policy.default()
    assert policy.decide("sexual-word", None, ADULT)[0] is Decision.ALLOW
    assert policy.decide("slur", None, ADULT)[0] is Decision.BLOCK
    assert policy.decide("minors", None, ADULT)[0] is Decision.BLOCK


@settings(deadline=None)
@given(_RULES, _RULES, st.one_of(st.none(), _UNIT))
def test_x_is_never_looser_than_home(home: Rule, there: Rule, score: float | None) -> None:
    policy = Policy(rules={"insult": home}, platforms={"x": {"rules": {"insult": there}}})
    at_home, on_x = (policy.decide("insult", score, place)[0] for place in (HOME, X))
    assert on_x.severity >= at_home.severity


def test_the_thresholds_of_x_are_lower() -> None:
    policy = Policy.default()
    for category in CLASSIFIED:
        home, there = policy.rule(category, HOME), policy.rule(category, X)
        assert home is not None and there is not None
        assert home.hold is not None and there.hold is not None and there.hold < home.hold


@given(_RULES, _UNIT, _UNIT)
def test_a_higher_score_is_never_judged_more_mildly(rule: Rule, one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert rule.decide(low)[0].severity <= rule.decide(high)[0].severity


@pytest.mark.parametrize(
    "change",
    [
        {"rules": {"insult": "hold"}},
        {"shape": {"links": ["example.com"]}},
        {"people": ["A Person"]},
        {"platforms": {"x": {"always_review": False}}},
        {"version": 2},
    ],
    ids=str,
)
def test_whatever_decides_changes_the_hash(change: dict[str, object]) -> None:
    assert Policy.model_validate(change).hash != Policy.default().hash


def test_the_hash_is_the_same_for_the_same_policy() -> None:
    data = {"rules": {"insult": {"hold": 0.5}, "hate": "block"}}
    assert Policy.model_validate(data).hash == Policy.model_validate(data).hash
    assert len(Policy.default().hash) == 12


def test_every_classified_category_has_a_rule() -> None:
    assert set(CLASSIFIED) <= set(DEFAULT_RULES)


def test_a_file_is_read_whole_or_from_its_table(tmp_path: Path) -> None:
    whole, table = tmp_path / "whole.toml", tmp_path / "table.toml"
    whole.write_text('name = "n"\n[rules]\ninsult = "hold"\n')
    table.write_text('[policy]\nname = "n"\n[policy.rules]\ninsult = "hold"\n[discord]\nx = 1\n')
    assert Policy.read(whole).hash == Policy.read(table).hash


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[policy", "not valid TOML"),
        ('[policy.rules]\ninsult = "mild"\n', "rules.insult"),
        ("[policy]\nstrict = true\n", "strict is wrong"),
        ('[policy.rules]\nswaering = "allow"\n', 'did you mean "swearing"'),
        ('[policy.shadow]\nx = "hold"\n', "no category"),
        ('[policy.rules]\nselfharm = "allow"\n', "never allowed"),
    ],
)
def test_a_wrong_file_is_explained_in_a_sentence(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(content)
    with pytest.raises(PolicyError, match=words) as caught:
        Policy.read(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"gone\.toml"):
        Policy.read(tmp_path / "gone.toml")


def test_the_owner_s_page_names_every_category() -> None:
    page = (Path(__file__).parents[2] / "docs" / "moderation.md").read_text("utf-8")
    assert [category for category in DEFAULT_RULES if f"`{category}`" not in page] == []
