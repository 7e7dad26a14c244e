"""What looks like an instruction to a model in a text from outside.

It misses some and takes some harmless texts for one: nothing depends on it but how far a headline is trusted.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable

from research.outside import folded

MOST = 8_000
"""Characters that are looked at."""

_DIGITS = str.maketrans("013457@$!|", "oleastasil")
"""What stands for letters where somebody hides words."""

_OVERRIDE = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|ignorier\w*|vergiss|ignorez|oublie\w*|ignora\w*|olvida\w*|"
    r"dimentica|esquece\w*|negeer)\b.{0,60}\b(?:instruc\w*|instruk\w*|anweisung\w*|istruzion\w*|consigne\w*|"
    r"rules?|prompts?|guidelines?|regel\w*|evidence|(?:all|everything|anything) (?:of )?(?:the )?(?:above|before|prior|"
    r"previous|earlier))\b"
)
_ROLES = re.compile(
    r"\b(?:system prompt|developer mode|you are (?:now|no longer)|act as (?:an?|my|if|though)|pretend to be|roleplay|"
    r"new instructions?|"
    r"im start|end of data|jailbreak|dan mode|as the judge|(?:dear|attention|hey|note to(?: the)?) (?:model|assistant|"
    r"ai|llm|reader agent)|function call|tool call|call the tool|place an? order|execute (?:the )?trade)\b"
)
_ORDERS = re.compile(
    r"\b(?:answer|reply|respond|output|vote|print|return|write|say|set)\b.{0,30}\b(?:verdict|no go|p win|size factor|"
    r"json|sentiment|relevance|strength)\b"
    r"|\b(?:answer|reply|respond|output|vote|print)\b.{0,20}\b(?:go|bullish|bearish|yes)\b"
    r"|\b(?:buy|sell|short|long)\b.{0,30}\b(?:now|immediately|everything|all in|max(?:imum)? size|at once)\b"
    r"|\b(?:double|triple|increase|enlarge|maximi[sz]e)\b.{0,20}\b(?:size|position|leverage|lots?)\b|\ball in\b"
)
_SHAPES = re.compile(
    r'"(?:verdict|size_factor|p_win|strength|sentiment|role|headline|readings|evidence|tool|name|arguments)"\s*:'
    r"|<\|?/?(?:system|user|assistant|im_start|im_end|data|tool)\b|\[/?INST\]|</?s>|```|<<SYS>>"
    r"|^\s*#{0,4}\s*(?:system|assistant|user|developer)\s*:|\bE\d{1,3}\s*[:=]|\[E\d{1,3}\]",
    re.IGNORECASE | re.MULTILINE,
)
_ELSEWHERE = re.compile(
    r"忽略|无视|無視|忽視|지시|무시|игнорируй|забудь|инструкци|تجاهل|התעלם|अनदेखा|αγνόησε|bỏ qua|görmezden|zignoruj",
    re.IGNORECASE,
)
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")


def suspicious(text: str) -> bool:
    """Whether a text looks like an instruction: also spelt with look-alikes, with digits or with spaces between the
    letters, or in base64."""
    text = text[:MOST]
    return _speaks(text) or any(_speaks(one) for one in _decoded(text))


def _speaks(text: str) -> bool:
    plain = folded(text)
    hidden = folded(text.translate(_DIGITS))
    closed_up = re.sub(r"\b(\w) (?=\w\b)", r"\1", plain)
    for one in {plain, hidden, closed_up}:
        if _OVERRIDE.search(one) or _ROLES.search(one) or _ORDERS.search(one):
            return True
    lines = unicodedata.normalize("NFKC", text)
    return bool(_SHAPES.search(lines) or _ELSEWHERE.search(lines))


def _decoded(text: str) -> Iterable[str]:
    """What of a text is base64 of another."""
    for found in _ENCODED.findall(text):
        plain = found.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            yield base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue
