"""Does it give away a person's official number? An optional second opinion by Microsoft's presidio, on this machine.

What presidio adds to :mod:`moderation.filters.personal` are the numbers that states, banks and health services give
people, with their check digits and the words that stand around them. Its recognisers of names need a language model
that it would download; they stay off, and so does its e-mail recogniser, which would fetch a list of domains.
"""

from importlib.metadata import version
from typing import Any

from moderation.context import Context
from moderation.errors import FilterUnavailable
from moderation.normalise import Normalised
from moderation.verdict import Decision, Finding, Span

_LANGUAGE = "en"
_SURE = 0.4  # where presidio puts a number of the right form that a fitting word stands beside
# presidio's recognisers by class → what they find, for people.
_RECOGNISERS = {
    "AuMedicareRecognizer": "an Australian Medicare number",
    "AuTfnRecognizer": "an Australian tax file number",
    "CaSinRecognizer": "a Canadian social insurance number",
    "CryptoRecognizer": "a bitcoin wallet",
    "DeTaxIdRecognizer": "a German tax number",
    "EsNieRecognizer": "a Spanish foreigner's number",
    "EsNifRecognizer": "a Spanish identity number",
    "FiPersonalIdentityCodeRecognizer": "a Finnish identity code",
    "InAadhaarRecognizer": "an Indian Aadhaar number",
    "InPanRecognizer": "an Indian PAN",
    "ItFiscalCodeRecognizer": "an Italian fiscal code",
    "KrRrnRecognizer": "a Korean resident number",
    "MedicalLicenseRecognizer": "a US medical licence",
    "NhsRecognizer": "a British NHS number",
    "PlPeselRecognizer": "a Polish PESEL",
    "SePersonnummerRecognizer": "a Swedish personal number",
    "SgFinRecognizer": "a Singaporean NRIC or FIN",
    "ThTninRecognizer": "a Thai identity number",
    "TrNationalIdRecognizer": "a Turkish identity number",
    "UkDrivingLicenceRecognizer": "a British driving licence",
    "UkNinoRecognizer": "a British National Insurance number",
    "UkPassportRecognizer": "a British passport number",
    "UsBankRecognizer": "a US bank account number",
    "UsItinRecognizer": "a US taxpayer number",
    "UsLicenseRecognizer": "a US driving licence",
    "UsPassportRecognizer": "a US passport number",
    "UsSsnRecognizer": "a US social security number",
    "ZaIdNumberRecognizer": "a South African identity number",
}


class PresidioFilter:
    """Official numbers of persons, by presidio's own patterns. The gate gives it a thread and a time limit."""

    name = "presidio"

    def __init__(self, *, timeout: float = 5.0) -> None:
        """`timeout` is in seconds for one text. Importing takes some seconds, and nothing is downloaded.

        Raises:
            FilterUnavailable: presidio is not installed, or has changed so that it no longer fits.
        """
        self.timeout = timeout
        self._said: dict[str, str] = {}  # presidio's entity → what it is, for people
        try:
            self.version = version("presidio-analyzer")
            self._engine = self._opened()
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            raise FilterUnavailable(
                f"presidio cannot be used ({error}): pip install 'confessional[presidio]', or set GATE__PRESIDIO=false."
            ) from error

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """One finding for each number given away, the likelier where two kinds share a place."""
        found = self._engine.analyze(text.original, _LANGUAGE, entities=list(self._said))
        told: list[Finding] = []
        for each in sorted(found, key=lambda each: (-each.score, each.start, each.entity_type)):
            span = Span(each.start, each.end)
            if not any(other.span and other.span.start < span.end and span.start < other.span.end for other in told):
                reason = f"presidio says: this looks like {self._said[each.entity_type]}."
                told.append(Finding(self.name, "personal", Decision.HOLD, reason, span, round(float(each.score), 3)))
        return told

    def _opened(self) -> Any:
        """presidio's engine on a spaCy pipeline that only splits words."""
        import spacy
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, predefined_recognizers
        from presidio_analyzer.nlp_engine import SpacyNlpEngine

        if not spacy.Language.has_factory("confessional_lower"):
            spacy.Language.component("confessional_lower", func=_lower)
        pipeline = spacy.blank(_LANGUAGE)
        pipeline.add_pipe("confessional_lower")
        words = SpacyNlpEngine()
        words.nlp = {_LANGUAGE: pipeline}
        registry = RecognizerRegistry(supported_languages=[_LANGUAGE])
        for name, what in _RECOGNISERS.items():
            each = getattr(predefined_recognizers, name)(supported_language=_LANGUAGE)
            registry.add_recognizer(each)
            self._said |= dict.fromkeys(each.supported_entities, what)
        return AnalyzerEngine(
            registry=registry, nlp_engine=words, supported_languages=[_LANGUAGE], default_score_threshold=_SURE
        )


def _lower(words: Any) -> Any:
    """presidio looks for the words around a number by their lemmas, which a pipeline without a model leaves empty."""
    for word in words:
        word.lemma_ = word.lower_
    return words
