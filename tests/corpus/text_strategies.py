"""Text that looks for trouble: the characters and words on which cleaning, cutting and spelling could disagree."""

from hypothesis import strategies as st

TROUBLE = (
    "'’ʼ<>/sunkpad ▁\\ĠÀİıΣσςß½ﬁ²①ﷺ\u0301\u0308\u0345\u200b\u200d\u00ad\u00a0\u3000\u1680\u2028\u2029\x85\x0b\x0c"
    "\x1c\x1f\t\x01\x7f｡＜ｓ＞ﾞ가각ᄀ\u1161👩‍🚀_-.,!?$+^`|~٣०𝟘Ǆǅ\ufeff\u0f0b"
)
WORDS = ["<s>", "</s>", "<pad>", "<unk>", "<S>", "<UNK>", "＜s＞", "<s", "a<s>", "<s>b", "don't", "rock'n'roll", "'tis",
         "the", "cat", "The", "Σας", "ΟΔΟΣ", "İstanbul", "café", "cafe\u0301", "x▁y", "\\▁", "½", "a.b", "U.S.A.", "''",
         "12", "３", "</s></s>", "it’s", "…", "ﬃ", "\u0301a", "a\u0301'b"]  # fmt: skip

_character = st.one_of(st.sampled_from(TROUBLE), st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"))
_piece = st.one_of(st.text(_character, max_size=6), st.sampled_from(WORDS))

# Any line of text: no line end and no zero byte in it, for those never get past reading.
any_line = st.lists(st.tuples(_piece, st.sampled_from([" ", " ", "", "  ", "\t"])), max_size=8).map(
    lambda pieces: "".join(text + gap for text, gap in pieces)
)
any_lines = st.lists(any_line, min_size=1, max_size=6)
ascii_lines = st.lists(
    st.text(st.sampled_from("ab'<>/spadunk .Z9_-\t\x0b\x1c\x7f\x01\\"), max_size=30), min_size=1, max_size=6
)
