"""Characters of a text that no token of a vocabulary has."""

from collections import Counter
from collections.abc import Callable, Sequence

from rnnlm.corpus.normalizer import SPECIALS
from rnnlm.corpus.settings import WORD_KINDS

_SHOWN, _FOLDED = 8, set("‘’‚‛“”„‟‐‑‒–—―")


class UnseenCharacters:
    """Counts them in cleaned text; `names` are the tokens by id. Those of bytes and subwords have every character."""

    def __init__(self, kind: str, names: Sequence[str]) -> None:
        known = {" ", "\n", *"".join(names), *"".join(SPECIALS)}
        self._known = known if kind in (*WORD_KINDS, "char") else None
        self._plain = "".join(filter(str.isascii, known)).encode()
        self._counts: Counter[str] = Counter()

    def add(self, cleaned: bytes) -> None:
        """Count those of some text."""
        if self._known is not None and (rest := cleaned.translate(None, self._plain)):
            self._counts.update(each for each in rest.decode() if each not in self._known)

    def tell(self, notice: Callable[[str], None], name: str) -> None:
        """One notice, if there are any."""
        if not self._counts:
            return
        some = ", ".join(f"{each} (U+{ord(each):04X})" for each, _ in self._counts.most_common(_SHOWN))
        more = ", …" if len(self._counts) > _SHOWN else ""
        hint = "; train with --fold-quotes to write quotes and dashes in one way" if _FOLDED & set(self._counts) else ""
        notice(f"{name}: {self._counts.total():,} characters that no token of the vocabulary has: {some}{more}{hint}")
