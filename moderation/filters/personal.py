"""Does it give away something of a person: an address, a number, an account, a name?

Numbers are checked by their own arithmetic, so that a confession may count its biscuits: cards by Luhn (ISO/IEC
7812-1), IBANs by modulo 97 (ISO 13616), telephone numbers by the `phonenumbers` library.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from phonenumbers import Leniency, PhoneNumberMatcher

from moderation.context import Context
from moderation.filters.names import NameBook
from moderation.normalise import Normalised
from moderation.verdict import Decision, Finding, Span

_AT = r"(?:@|\s?[\[({<]\s?at\s?[\])}>]\s?|\sat\s(?=[a-z0-9\-]+(?:\.|\sdot\s)))"
_DOT = r"(?:\.|\s?[\[({<]\s?dot\s?[\])}>]\s?|\sdot\s)"
_EMAIL = re.compile(
    rf"[a-z0-9][a-z0-9._%+\-]{{0,63}}{_AT}[a-z0-9][a-z0-9\-]{{0,62}}(?:{_DOT}[a-z0-9\-]{{2,63}}){{1,4}}\b"
)
_ACCOUNT_HINT = re.compile(r"[@#]|u/|[\[({<] ?at\b|\bdot\b")
_TRIES = 200  # runs of digits that are looked into; a post of that many numbers is no post
_DIGIT = re.compile("[0-9]")
_CARD = re.compile(r"(?<![\d.])(?:\d[ \-]?){12,18}\d(?![\d.]?\d)")
_IBAN = re.compile(r"\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,4})?\b")
_IBAN_LENGTHS = range(15, 35)
_DIGITS = re.compile(r"[+(]{0,2}\d(?:[\s().\-/]{0,3}\d){6,17}")  # long enough for a telephone number
_REGIONS = ("GB", "US")  # numbers written without a country code are read as these
_DIALS = re.compile(r"\+|\(?0|\(?[2-9]\d\d\)?[ .\-]|1[ .\-]\d{3}[ .\-]")  # how a number to be dialled begins
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_HANDLE = re.compile(r"(?<![\w@./])@[a-z_][a-z0-9_.]{1,30}\b|\bu/[a-z0-9_\-]{3,20}\b|\b[a-z0-9_.]{2,32}#\d{4}\b")
_EVERYONE = {"@everyone", "@here"}
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}(?![\w:])")
_NOT_NAMES = (
    "to|the|of|on|in|at|from|up|down|a|an|my|our|his|her|their|that|this|and|or|by|for|with|along|across|into|off|out"
    "|per|miles?|minutes?|hours?|days|weeks|months|years?|yards|metres|feet|doors?|houses|steps|of them|times|people"
)
_STREET = re.compile(
    rf"\b\d{{1,5}}[a-z]?,? (?:(?!(?:{_NOT_NAMES})\b)[a-z']+ ){{1,3}}"
    r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct|close|crescent|terrace|boulevard|blvd|way|gardens|grove)\b"
    r"(?=[.,]?(?: [a-z]+)?(?:$|[.,;:!?\n]| in | near ))"
)
_POSTCODE = re.compile(r"\b(?:[a-z]{1,2}\d[a-z\d]? \d[a-z]{2}|[a-z]{2},? \d{5}(?:-\d{4})?)\b")
_US_STATES = re.compile(
    "a[klrz]|c[aot]|d[ce]|fl|ga|hi|i[adln]|k[sy]|la|m[adeinost]|n[cdehjmvy]|o[hkr]|pa|ri|s[cd]|t[nx]|ut|v[at]|w[aivy]"
)


class PersonalFilter:
    """E-mail, telephone, card, IBAN, street and network addresses, handles, and names that the owner listed."""

    name = "personal"
    version = "1"

    def __init__(self, *, authors: NameBook | None = None, people: Iterable[str] = ()) -> None:
        """`authors` wrote the corpus; `people` are real public persons who are not to be named."""
        self._names = [
            (authors or NameBook(), "name", "It names “{}”, who wrote part of the corpus."),
            (NameBook(people), "public-person", "It names “{}”, a real person."),
        ]

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """One finding for each thing given away."""
        folded = text.folded.text
        found: list[tuple[str, str, tuple[int, int]]] = []
        if _DIGIT.search(folded):
            found += _numbers(folded)
        if _ACCOUNT_HINT.search(folded):
            found += _accounts(folded)
        findings = [_finding(category, reason, text.folded.span(*place)) for category, reason, place in found]
        for book, category, reason in self._names:
            for start, end in book.find(folded):
                span = text.folded.span(start, end)
                findings.append(_finding(category, reason.format(text.original[span.start : span.end]), span))
        return findings


def _accounts(folded: str) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """E-mail addresses and handles; a handle inside an address is not told twice."""
    emails = [match.span() for match in _EMAIL.finditer(folded)]
    yield from (("email", "It contains an e-mail address.", place) for place in emails)
    for match in _HANDLE.finditer(folded):
        inside = any(start <= match.start() < end for start, end in emails)
        if not inside and match.group() not in _EVERYONE:
            yield "handle", f"It names the account {match.group()}.", match.span()


def _numbers(folded: str) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """Cards, IBANs, network addresses, telephones and postal addresses, each place told once."""
    taken: list[tuple[int, int]] = []
    for category, reason, place in _number_candidates(folded):
        if not any(start < place[1] and place[0] < end for start, end in taken):
            taken.append(place)
            yield category, reason, place


def _number_candidates(folded: str) -> Iterator[tuple[str, str, tuple[int, int]]]:
    for match in _IBAN.finditer(folded):
        if is_iban(match.group()):
            yield "iban", "It contains a bank account number (IBAN).", match.span()
    for match in _CARD.finditer(folded):
        if is_card(match.group()):
            yield "card", "It contains a payment card number.", match.span()
    for match in (*_IPV4.finditer(folded), *_IPV6.finditer(folded)):
        if _is_public_address(match.group()):
            yield "ip", "It contains an internet address.", match.span()
    for match in islice(_DIGITS.finditer(folded), _TRIES):
        yield from _phones(match.group(), match.start())
    for match in _STREET.finditer(folded):
        yield "address", "It contains a street address.", match.span()
    for match in _POSTCODE.finditer(folded):
        if _is_postcode(match.group()):
            yield "address", "It contains a postcode.", match.span()


def _phones(digits: str, at: int) -> Iterator[tuple[str, str, tuple[int, int]]]:
    for region in _REGIONS:
        for phone in PhoneNumberMatcher(digits, region, Leniency.POSSIBLE, max_tries=2):
            if _DIALS.match(phone.raw_string) and not _ISO_DATE.match(phone.raw_string):
                yield "phone", "It contains a telephone number.", (at + phone.start, at + phone.end)


def _is_postcode(found: str) -> bool:
    """Two letters and five digits are a US postcode only after a state; a UK one has its own shape."""
    return bool(_US_STATES.match(found)) if found[-5:].isdigit() or "-" in found else True


def is_card(digits: str) -> bool:
    """Whether 13 to 19 digits, with spaces or dashes, pass the Luhn check and are not all alike."""
    numbers = [int(digit) for digit in digits if digit.isdigit()]
    if not 13 <= len(numbers) <= 19 or len(set(numbers)) == 1:
        return False
    doubled = (2 * number if place % 2 else number for place, number in enumerate(reversed(numbers)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether letters and digits pass the IBAN check: moved to the end, as numbers, they leave 1 modulo 97."""
    account = text.replace(" ", "").upper()
    if len(account) not in _IBAN_LENGTHS:
        return False
    turned = account[4:] + account[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def _is_public_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def _finding(category: str, reason: str, span: Span) -> Finding:
    return Finding(PersonalFilter.name, category, Decision.HOLD, reason, span)
