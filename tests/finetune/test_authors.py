"""What sources call an author, and what a post would call them."""

import pytest

from finetune.authors import distinctive, spellings


@pytest.mark.parametrize(
    ("author", "names"),
    [
        ("Wilhelmina Crabtree", ["Wilhelmina Crabtree"]),
        ("u/some_body", ["some_body"]),
        ("@xX_kev_99", ["xX_kev_99"]),
        ("@kev@mastodon.example", ["kev"]),
        ("https://mastodon.example/users/kev", ["kev"]),
        ("https://mastodon.example/@kev", ["kev"]),
        ("kev#1234", ["kev"]),
        ("anna.b.bsky.social", ["anna.b.bsky.social", "anna.b"]),
        ("did:plc:abcdefghijklmnop", []),
        ("user123456", []),
        ("8675309", []),
        ("[deleted]", []),
        ("Deleted Account", []),
        ("  ", []),
    ],
)
def test_names_are_taken_as_people_write_them(author: str, names: list[str]) -> None:
    assert list(spellings([author])) == names


def test_ordinary_words_are_nobody_s_name() -> None:
    names = ["Just Me", "Summer", "the doctor", "Doctor Crabtree", "sunshine_84", "a cat in a very big hat", "", "…"]
    assert list(distinctive(names)) == ["Doctor Crabtree", "sunshine_84"]
