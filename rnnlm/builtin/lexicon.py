"""The words of the built-in stories: values with their forms, other words by category, and parts of speech.

No word starts with a vowel where a template puts `a` before it, and every value of a category makes sense
wherever the category is used; so the templates need no conditions.
"""

from rnnlm.builtin.grammar import Category, Entry

GENDER_FORMS = ("he", "his", "him", "boy")
_GENDER_TAGS = {"he": "PRON", "his": "DET", "him": "PRON", "boy": "NOUN"}
_MALE = dict(zip(GENDER_FORMS, ("he", "his", "him", "boy"), strict=True))
_FEMALE = dict(zip(GENDER_FORMS, ("she", "her", "her", "girl"), strict=True))

NUMBER_FORMS = ("a", "this", "was", "is", "it", "its", "them", "has")
_NUMBER_TAGS = {
    "a": "DET", "this": "DET", "was": "VERB", "is": "VERB", "it": "PRON", "its": "DET", "them": "PRON", "has": "VERB",
}  # fmt: skip
_SINGULAR = dict(zip(NUMBER_FORMS, ("a", "this", "was", "is", "it", "its", "it", "has"), strict=True))
_PLURAL = dict(zip(NUMBER_FORMS, ("some", "these", "were", "are", "they", "their", "them", "have"), strict=True))


def _people(tag: str, male: str, female: str) -> Category:
    entries = [{"word": word, **_MALE} for word in male.split()]
    entries += [{"word": word, **_FEMALE} for word in female.split()]
    return Category(tuple(entries), {"word": tag, **_GENDER_TAGS})


def _animals(table: str) -> Category:
    """A value for one animal and another for several; both eat the same food and live in the same home."""
    entries: list[Entry] = []
    for row in table.strip().splitlines():
        singular, plural, food, home = row.split()
        entries.append({"word": singular, **_SINGULAR, "food": food, "home": home})
        entries.append({"word": plural, **_PLURAL, "food": food, "home": home})
    return Category(tuple(entries), {"word": "NOUN", **_NUMBER_TAGS, "food": "NOUN", "home": "NOUN"})


def _countable(singular: str, plural: str) -> Category:
    entries = [{"word": word, **_SINGULAR} for word in singular.split()]
    entries += [{"word": word, **_PLURAL} for word in plural.split()]
    return Category(tuple(entries), {"word": "NOUN", **_NUMBER_TAGS})


def _words(tag: str, words: str) -> Category:
    return Category(tuple({"word": word} for word in words.split()), {"word": tag})


CATEGORIES = {
    # remembered
    "child": _people("NAME", "Tom Sam Ben Max", "Anna Lily Emma Mia"),
    "friend": _people("NAME", "Jack Leo Peter Paul", "Rosa Lucy Nora Clara"),
    "relative": _people("NOUN", "father uncle", "mother aunt"),
    "royal": _people("NOUN", "king prince", "queen princess"),
    "animal": _animals("""
        dog dogs bones kennel
        cat cats fish barn
        rabbit rabbits carrots hutch
        pony ponies apples stable
        mouse mice cheese hole
        bird birds seeds nest
    """),
    "dish": _countable("cake pie pudding", "pancakes biscuits buns"),
    "toy": _words("NOUN", "ball doll drum boat kite bell"),
    "jewel": _words("NOUN", "crown ring cup lamp"),
    "colour": _words("ADJ", "red blue purple yellow white pink"),
    "container": _words("NOUN", "box basket cupboard chest"),
    "flower": _words("NOUN", "roses tulips daisies poppies"),
    "sight": _words("NOUN", "city zoo circus fair"),
    "cart": _words("NOUN", "cart barrel tent wagon"),
    # drawn afresh
    "fine": _words("ADJ", "sunny bright windy clear cloudy fine pleasant"),
    "daytime": _words("NOUN", "morning afternoon day"),
    "kind": _words(
        "ADJ", "kind clever brave cheerful polite shy lively curious funny gentle quiet friendly merry bold careful"
    ),
    "nice": _words(
        "ADJ",
        "pretty lovely shiny new small wonderful beautiful splendid little fine bright strange special tiny charming",
    ),
    "roomy": _words("ADJ", "big small large heavy dusty plain"),
    "furry": _words("ADJ", "small fat thin young little lively noisy lazy clever playful tiny fluffy strange funny"),
    "by": _words("PREP", "by near behind beside"),
    "spot": _words("NOUN", "bench gate bridge wall house fountain hedge well trees bushes benches houses stones rocks"),
    "old": _words("ADJ", "old big little grey low wide small plain"),
    "hungry": _words("ADJ", "hungry tired lonely sleepy thirsty happy"),
    "happy": _words("ADJ", "happy glad proud pleased cheerful merry delighted excited"),
    "tasty": _words("ADJ", "golden sweet perfect delicious tasty lovely"),
    "often": _words("ADV", "often always sometimes usually"),
    "quickly": _words("ADV", "quickly quietly gently happily proudly gladly calmly politely"),
    "said": _words("VERB", "said cried whispered called shouted exclaimed"),
    "walked": _words("VERB", "walked ran went hurried wandered skipped hopped raced marched strolled"),
    "looked": _words("VERB", "looked searched"),
    "saw": _words("VERB", "saw met noticed spotted watched"),
    "smiled": _words("VERB", "smiled laughed nodded grinned giggled waved"),
    "carried": _words("VERB", "carried brought took"),
    "wanted": _words("VERB", "wanted decided planned hoped"),
    "ten": _words("NUM", "ten twenty thirty forty fifty sixty seventy eighty"),
    "flour": _words("NOUN", "flour butter sugar"),
    "night": _words("NOUN", "night sunset dusk"),
    "tall": _words("ADJ", "tall strong high straight"),
    "stove": _words("NOUN", "window door stove fire table shelf"),
    "world": _words("NOUN", "world country village land"),
    "mild": _words("ADJ", "cold warm quiet calm lovely cool"),
    "shy": _words("ADJ", "friendly shy tame quiet cold calm"),
    "warm": _words("ADJ", "ready warm soft fresh hot brown"),
    "sang": _words("VERB", "sang danced clapped cheered jumped"),
    "milk": _words("NOUN", "milk honey cream"),
    "hills": _words("NOUN", "hills meadows marshes sands"),
    "mossy": _words("ADJ", "mossy crooked lonely dusty"),
    "place": _words("NOUN", "garden park forest village beach hill farm river lake market"),
    "train": _words("NOUN", "train bus car coach"),
    "season": _words("NOUN", "spring summer autumn winter"),
    "fruit": _words("NOUN", "cherries plums pears lemons peaches berries"),
    "cousin": _words("NOUN", "brother sister cousin neighbour teacher grandmother grandfather"),
    "kitchen": _words("NOUN", "kitchen bedroom attic cellar hall"),
    "peaceful": _words("ADJ", "peaceful quiet lovely pretty wide beautiful sunny old"),
    "beside": _words("PREP", "by near beside"),
    "far": _words("NOUN", "mountains fields woods valleys"),
}

REGISTERS = {
    "hero": "child", "friend": "friend", "relative": "relative", "royal": "royal", "animal": "animal", "dish": "dish",
    "toy": "toy", "jewel": "jewel", "colour": "colour", "container": "container", "flower": "flower", "sight": "sight",
    "cart": "cart",
}  # fmt: skip

_TAGGED = {
    "ADJ": "best cool full",
    "ADV": "not never too there home soon then out back once here still",
    "CONJ": "and but",
    "DET": "a the your my one",
    "NOUN": "last seek bed road day friend oven people days water stones hide",
    "PREP": "in at to from with for of by through over about behind",
    "PRON": "it i you",
    "VERB": """
        was were is are had got played took lost told did look asked found saw thanked let play
        put kept gave opened forgot like liked make bake washed mixed ate love loved help hid counted
        hear see can went bought planted keep think
    """,
}
TAGS = {word: tag for tag, words in _TAGGED.items() for word in words.split()}
