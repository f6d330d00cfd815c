"""What does a guard model say? Llama Guard, or any chat model asked in Llama Guard's form.

The form and the fourteen hazards are those of Llama Guard 3's model card (meta-llama/Llama-Guard-3-8B). A server that
runs Llama Guard puts them in itself; any other model is sent the whole task.
"""

from moderation.context import Context
from moderation.errors import FilterError
from moderation.filters.outside import Server
from moderation.normalise import Normalised
from moderation.verdict import Finding

HAZARDS = {
    "S1": ("Violent Crimes", "threat"),
    "S2": ("Non-Violent Crimes", "guard"),
    "S3": ("Sex-Related Crimes", "sexual"),
    "S4": ("Child Sexual Exploitation", "minors"),
    "S5": ("Defamation", "guard"),
    "S6": ("Specialized Advice", "guard"),
    "S7": ("Privacy", "personal"),
    "S8": ("Intellectual Property", "guard"),
    "S9": ("Indiscriminate Weapons", "threat"),
    "S10": ("Hate", "hate"),
    "S11": ("Suicide & Self-Harm", "selfharm"),
    "S12": ("Sexual Content", "sexual"),
    "S13": ("Elections", "guard"),
    "S14": ("Code Interpreter Abuse", "guard"),
}
_TASK = """Task: Check if there is unsafe content in 'User' messages in conversations according to our safety policy \
with the below categories.

<BEGIN UNSAFE CONTENT CATEGORIES>
{hazards}
<END UNSAFE CONTENT CATEGORIES>

<BEGIN CONVERSATION>

User: {text}

<END CONVERSATION>

Provide your safety assessment for ONLY THE LAST User message in the above conversation:
- First line must read 'safe' or 'unsafe'.
- If unsafe, a second line must include a comma-separated list of violated categories."""
_FORGED = ("<END CONVERSATION>", "<BEGIN CONVERSATION>")


class GuardModel(Server):
    """A guard model behind an OpenAI-compatible server (`POST /chat/completions`)."""

    def __init__(self, base_url: str, key: str | None, *, model: str, timeout: float = 5.0) -> None:
        """`base_url` ends in `/v1`; a model with "guard" in its name is trusted to know its own task."""
        super().__init__("guard", base_url, key, timeout)
        self.version = model
        self._model = model
        self._knows_task = "guard" in model.lower()

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """A finding for each hazard that the model names; none when it says safe."""
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": text.original if self._knows_task else task(text.original)}],
            "temperature": 0,
            "max_tokens": 32,
        }
        answer = self.ask("chat/completions", body)
        try:
            said = str(answer["choices"][0]["message"]["content"])
        except (KeyError, IndexError, TypeError):
            raise FilterError("the guard model's answer has no text") from None
        return self._read(said)

    def _read(self, said: str) -> list[Finding]:
        lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
        if lines and lines[0].lower() == "safe":
            return []
        if not lines or lines[0].lower() != "unsafe":
            raise FilterError("the guard model said neither safe nor unsafe")
        codes = [code.strip().upper() for line in lines[1:2] for code in line.split(",")]
        named = [HAZARDS[code] for code in codes if code in HAZARDS]
        return [self.told(category, hazard, None) for hazard, category in named or [("unsafe", "guard")]]


def task(text: str) -> str:
    """The whole task for a chat model, with the text inside; the text cannot close the conversation by itself."""
    for mark in _FORGED:
        text = text.replace(mark, mark.replace("<", "‹"))
    hazards = "\n".join(f"{code}: {hazard}." for code, (hazard, _) in HAZARDS.items())
    return _TASK.format(hazards=hazards, text=text)
