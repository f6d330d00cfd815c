"""Settings: four places, one order, and mistakes told in sentences."""

from pathlib import Path

import pytest

from bot.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_environment_wins_over_dotenv_wins_over_toml_wins_over_the_default(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().shelf.high == 32
    (home / "confess.toml").write_text("[shelf]\nhigh = 40\nlow = 4\n")
    assert load_settings().shelf.high == 40
    (home / ".env").write_text("SHELF__HIGH=50\n")
    assert load_settings().shelf.high == 50
    monkeypatch.setenv("SHELF__HIGH", "60")
    assert (load_settings().shelf.high, load_settings().shelf.low) == (60, 4)


def test_several_servers_are_a_comma_separated_line(home: Path) -> None:
    (home / ".env").write_text("DISCORD__GUILD_IDS=12, 34\n")
    assert load_settings().discord.guild_ids == (12, 34)


def test_an_empty_line_means_the_default(home: Path) -> None:
    (home / ".env").write_text("DISCORD__TOKEN=\nADAPTERS__NAME=\nGATE__WORDS=\n")
    settings = load_settings()
    assert settings.discord.token is None
    assert settings.adapters.name is None
    assert settings.gate.words == Path("words.toml")


def test_the_example_as_it_stands_is_a_valid_dotenv_with_the_defaults(home: Path) -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")
    lines = [line.removeprefix("# ") for line in example.splitlines() if "__" in line.split("=")[0] and "=" in line]
    assert len(lines) > 40
    defaults = load_settings()
    (home / ".env").write_text("\n".join(lines))
    assert load_settings() == defaults


@pytest.mark.parametrize(
    ("dotenv", "toml", "told"),
    [
        ("DISCORD__TOKNE=a\n", "", "did you mean DISCORD__TOKEN?"),
        ("", "[shelf]\nhihg = 3\n", "did you mean SHELF__HIGH?"),
        ("", "[polcy]\n", "did you mean POLICY?"),
        ("ENGINE__QUEUE=many\n", "", "ENGINE__QUEUE"),
        ("", "[sampling]\ntop_p = 3\n", "top_p must be above 0 and at most 1"),
        ("", "[shelf\n", "confess.toml is not valid TOML"),
        ("", '[[schedule]]\nname = "a b"\nplatform = "x"\ntimes = []\n', "SCHEDULE__0__NAME"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_setting(home: Path, dotenv: str, toml: str, told: str) -> None:
    (home / ".env").write_text(dotenv)
    (home / "confess.toml").write_text(toml)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert told in str(caught.value)


def test_a_secret_is_never_repeated(home: Path) -> None:
    (home / ".env").write_text("DISCORD__TOKEN=hunter2hunter2\nDISCORD__COOLDOWN=hunter2hunter2\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    (home / ".env").write_text("DISCORD__TOKEN=hunter2hunter2\nDATABASE__URL=postgresql://me:hunter2@host/db\n")
    assert "hunter2" not in repr(load_settings())


def test_a_file_that_is_not_text_is_told(home: Path) -> None:
    (home / ".env").write_bytes(b"\xff\xfe\x00D")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings()
