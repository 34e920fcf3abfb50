"""The extra `[pii]`: identifiers of more countries and kinds, by Presidio's recognisers, without a model."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import orjson

from liftgate.data.checks.context import Context
from liftgate.data.rewriting.json_text import texts
from liftgate.errors import MissingExtra
from liftgate.findings import Finding
from liftgate.progress import Progress

# What the core finds better stays with the core; names and places would need a language model.
_KINDS: Final = {
    "CRYPTO": "a wallet address",
    "MAC_ADDRESS": "a device address (MAC)",
    "MEDICAL_LICENSE": "a medical licence",
    "UK_NHS": "an NHS number",
    "IN_AADHAAR": "an Aadhaar number",
    "AU_TFN": "an Australian tax number",
    "AU_MEDICARE": "a Medicare number",
    "PL_PESEL": "a PESEL",
    "FI_PERSONAL_IDENTITY_CODE": "a Finnish identity code",
    "SG_NRIC_FIN": "a Singaporean identity number",
    "IN_PAN": "an Indian tax number (PAN)",
    "KR_RRN": "a Korean registration number",
}
_RECOGNISERS: Final = {
    "IN_AADHAAR": "InAadhaarRecognizer",
    "AU_TFN": "AuTfnRecognizer",
    "AU_MEDICARE": "AuMedicareRecognizer",
    "PL_PESEL": "PlPeselRecognizer",
    "FI_PERSONAL_IDENTITY_CODE": "FiPersonalIdentityCodeRecognizer",
    "SG_NRIC_FIN": "SgFinRecognizer",
    "IN_PAN": "InPanRecognizer",
    "KR_RRN": "KrRrnRecognizer",
}
# One order number in ten passes the check of a plain run of digits, so these need their name in front.
_NAMED: Final = {
    "UK_NHS": "nhs|national health",
    "IN_AADHAAR": "aadhaar|uidai",
    "AU_TFN": "tfn|tax file",
    "AU_MEDICARE": "medicare",
    "PL_PESEL": "pesel",
    "IN_PAN": r"\bpan\b|tax",
    "SG_NRIC_FIN": r"nric|\bfin\b|identity",
    "KR_RRN": "rrn|resident|registration",
    "MEDICAL_LICENSE": "dea|licen[cs]e|prescri",
}
_LEAST_SCORE: Final = 0.4
_BEFORE: Final = 60


def more_pii(context: Context) -> Iterator[Finding]:
    """Identifiers that the rule `pii` does not know, as warnings of that rule.

    People's names and street addresses are not among them: they cannot be found without a language model.
    """
    analyser = _analyser()
    with Progress(len(context.rows), "personal data", unit="row") as progress:
        for row in context.rows:
            text = "\n".join(texts(orjson.dumps(row.data).decode()))
            found = analyser.analyze(text, language="en", entities=list(_KINDS), score_threshold=_LEAST_SCORE)
            kinds = {_KINDS[each.entity_type] for each in found if _is_named(each, text)}
            if kinds:
                yield context.finding("pii", f"holds {' and '.join(sorted(kinds))}", row, warn=True)
            progress.advance()


def _is_named(found: Any, text: str) -> bool:
    words = _NAMED.get(found.entity_type)
    before = text[max(found.start - _BEFORE, 0) : found.start]
    return words is None or re.search(words, before, re.IGNORECASE) is not None


@cache
def _analyser() -> Any:
    try:
        import presidio_analyzer
        from presidio_analyzer import predefined_recognizers
        from presidio_analyzer.nlp_engine import NoOpNlpEngine
    except ImportError:
        raise MissingExtra("pii", "presidio-analyzer") from None
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    engine = presidio_analyzer.AnalyzerEngine(
        nlp_engine=NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}]),
        supported_languages=["en"],
    )
    for name in _RECOGNISERS.values():
        engine.registry.add_recognizer(getattr(predefined_recognizers, name)(supported_language="en"))
    return engine
