"""Personal data: found by its own arithmetic, and a confession may still count its biscuits."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.context import Context
from moderation.errors import FilterUnavailable
from moderation.filters.names import NameBook
from moderation.filters.personal import PersonalFilter, is_card, is_iban
from moderation.normalise import normalise


def _found(text: str, *, authors: Sequence[str] = (), people: Sequence[str] = ()) -> list[tuple[str, str]]:
    found = PersonalFilter(authors=NameBook(authors), people=people).judge(normalise(text), Context())
    return [(each.category, text[each.span.start : each.span.end]) for each in found if each.span is not None]


@pytest.mark.parametrize(
    ("text", "category", "marked"),
    [
        ("mail bob.smith+x@example.co.uk now", "email", "bob.smith+x@example.co.uk"),
        ("bob [at] example [dot] com", "email", "bob [at] example [dot] com"),
        ("bob (at) example.com", "email", "bob (at) example.com"),
        ("bob at example dot com", "email", "bob at example dot com"),
        ("ｂｏｂ＠ｅｘａｍｐｌｅ．ｃｏｍ", "email", "ｂｏｂ＠ｅｘａｍｐｌｅ．ｃｏｍ"),
        ("ring 020 7946 0958 please", "phone", "020 7946 0958"),
        ("ring (212) 555-0187", "phone", "(212) 555-0187"),
        ("ring +44 20 7946 0958", "phone", "+44 20 7946 0958"),
        ("ring 07700 900123", "phone", "07700 900123"),
        ("ring +49 30 901820", "phone", "+49 30 901820"),
        ("ring ０２０ ７９４６ ０９５８", "phone", "０２０ ７９４６ ０９５８"),
        ("card 4111 1111 1111 1111.", "card", "4111 1111 1111 1111"),
        ("card 5500-0000-0000-0004", "card", "5500-0000-0000-0004"),
        ("pay GB82 WEST 1234 5698 7654 32", "iban", "GB82 WEST 1234 5698 7654 32"),
        ("pay DE89370400440532013000 today", "iban", "DE89370400440532013000"),
        ("from 81.2.69.142 again", "ip", "81.2.69.142"),
        ("from 2001:db8::8a2e:370:7334", "ip", "2001:db8::8a2e:370:7334"),
        ("at 12 Acacia Avenue, London", "address", "12 Acacia Avenue"),
        ("at 221b Baker Street.", "address", "221b Baker Street"),
        ("in SW1A 1AA", "address", "SW1A 1AA"),
        ("Beverly Hills, CA 90210", "address", "CA 90210"),
        ("thanks @matt_h1", "handle", "@matt_h1"),
        ("by u/some_body", "handle", "u/some_body"),
        ("add kev#1234", "handle", "kev#1234"),
    ],
)
def test_each_kind_is_found_where_it_stands(text: str, category: str, marked: str) -> None:
    assert (category, marked) in _found(text)


@pytest.mark.parametrize(
    "text",
    [
        "I counted 1234567 biscuits, then 12345678901234567890 crumbs",
        "On 2024-03-25 12:01 and again on 25/03/2024 at 12:30:45",
        "It was 1999, 2004 and 2011, for £1,234.56 each",
        "version 1.2.3.4.5 and 127.0.0.1",
        "card 4111 1111 1111 1112",  # fails the Luhn check
        "pay GB83 WEST 1234 5698 7654 32",  # fails modulo 97
        "meet me at the shop. Dot came too",
        "I lived on the road for 12 years, by the way",
        "We won 3-2, 10 to 4, and 100-0",
        "@everyone is shape's business",
        "room 101, floor 3, seat 14C",
        "they drove 20 miles to the street",
    ],
)
def test_numbers_that_are_nobody_s_pass(text: str) -> None:
    assert _found(text) == []


def test_an_address_is_told_once() -> None:
    assert [category for category, _ in _found("bob@example.com")] == ["email"]


@given(st.integers(10**11, 10**17))
def test_exactly_one_last_digit_makes_a_card(stem: int) -> None:
    assert sum(is_card(f"{stem}{digit}") for digit in range(10)) == 1


@given(st.integers(10**14, 10**16), st.integers(0, 14), st.integers(1, 9))
def test_one_wrong_digit_is_no_card(stem: int, place: int, shift: int) -> None:
    card = next(f"{stem}{digit}" for digit in range(10) if is_card(f"{stem}{digit}"))
    wrong = card[:place] + str((int(card[place]) + shift) % 10) + card[place + 1 :]
    assert not is_card(wrong)


@given(st.from_regex(r"[A-Z]{4}[0-9]{14}", fullmatch=True))
def test_the_check_digits_make_an_iban_and_no_others_do(account: str) -> None:
    turned = int("".join(str(int(character, 36)) for character in account + "GB00"))
    check = 98 - turned % 97
    assert is_iban(f"GB{check:02d}{account}")
    assert not is_iban(f"GB{(check + 1) % 97:02d}{account}")


@settings(deadline=None)
@given(st.integers(1, 999_999))
def test_a_plain_count_is_no_number_to_ring(count: int) -> None:
    assert _found(f"I have eaten {count} biscuits since {1900 + count % 120}.") == []


def test_names_of_authors_and_people_are_found_whole() -> None:
    lists: dict[str, list[str]] = {"authors": ["Jane Doe", "xX_kev_99", "Ann", "rose"], "people": ["Elon Musk"]}
    assert _found("I saw jane  doe's cat", **lists) == [("name", "jane  doe's")]
    assert _found("hello xX_kev_99", **lists) == [("name", "xX_kev_99")]
    assert _found("ELON MUSK bought it", **lists) == [("public-person", "ELON MUSK")]
    assert _found("Еlon Мusk bought it", **lists) == [("public-person", "Еlon Мusk")]  # Cyrillic capitals
    assert _found("Ann picked a rose; Jane and Mr Doe did not", **lists) == []


def test_ten_thousand_names_cost_nothing() -> None:
    chance = random.Random(1)
    names = [f"{chance.choice('ABCDEF')}{number} Person{number}" for number in range(10_000)]
    assert _found("I saw nobody", authors=[*names, "Jane Doe"]) == []
    assert _found("I saw Jane Doe", authors=[*names, "Jane Doe"]) == [("name", "Jane Doe")]


_WORD = st.from_regex(r"[a-z]{2,9}", fullmatch=True)
_NAME = st.lists(_WORD, min_size=2, max_size=4).map(lambda words: " ".join(words).title())


@settings(max_examples=60, deadline=None)
@given(st.lists(_NAME, min_size=1, max_size=6), _NAME, st.text(max_size=64))
def test_a_list_on_disk_knows_the_same_names(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], other: str, salt: str
) -> None:
    path = tmp_path_factory.mktemp("names") / "authors.json"
    book = NameBook(names, salt=salt)
    book.save(path)
    loaded = NameBook.load(path)
    assert len(loaded) == len(book) == len({normalise(name).folded.text for name in names})
    for name in (*names, other):
        folded = normalise(f"I met {name}, and {name}'s dog.").folded.text
        assert list(loaded.find(folded)) == list(book.find(folded))
        assert len(list(loaded.find(folded))) >= 2 or name == other


def test_a_list_on_disk_can_be_read_by_nobody(tmp_path: Path) -> None:
    for salt in ("one", "two"):
        NameBook(["Jane Doe", "xX_kev_99"], salt=salt).save(tmp_path / salt)
    one, two = ((tmp_path / salt).read_text() for salt in ("one", "two"))
    assert not any(piece in one.casefold() for piece in ("jane", "doe", "kev"))
    assert set(json.loads(one)["names"]).isdisjoint(json.loads(two)["names"])  # nobody joins two lists


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "salt": "", "first": 5}', None])
def test_a_list_that_cannot_be_read_is_a_sentence(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "authors.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(FilterUnavailable, match=r"authors\.json cannot be read .* train the adapter again"):
        NameBook.load(path)
