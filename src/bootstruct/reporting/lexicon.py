"""Closed word classes, and the classes of open-class words (lemminflect's dictionary), for the verb-object reader."""

from functools import lru_cache


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


DETERMINERS = _set(
    "the a an this these those each every all any some no both either neither another such my your his her its"
    " our their one's several many few much more most fewer less enough other various multiple certain whose"
)
NUMBERS = _set(
    "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty hundred"
    " thousand million dozen first second third fourth fifth next last"
)
QUANTITIES = _set(
    "all some each both most any one two three many few several none either couple lot bit number variety majority"
)
STOPS = _set(  # words that end a noun phrase: prepositions, conjunctions of clauses, question words, auxiliaries, loose adverbs
    "of in on at by for with about from into onto as over under between among through throughout during before"
    " after without within via per than like against across around behind beyond toward towards upon until till"
    " since because so while although though based if whether unless to that which who whom whose where when why"
    " how what below above here there together again today now then instead using is are was were be been being"
    " has have had does did can could will would should may might must not respectively accordingly aloud please"
    " also too regarding concerning despite except including plus versus once but yet"
)
PRONOUNS = _set(
    "me us him them it you i we they he she something anything everything nothing someone anyone everyone"
    " yourself themselves itself myself mine yours this that these those"
)
NAMES = {"US", "IT"}  # not pronouns in capitals
SINGULAR_IN_S = _set(  # their singular ends in s
    "physics mathematics maths politics economics ethics electronics athletics gymnastics genetics linguistics mechanics"
    " robotics logistics news species series means"
)
INDIRECT = _set("me us him them you her")
BOUNDS = (  # words that may come before a number
    ("at", "least"), ("at", "most"), ("at", "minimum"), ("up", "to"), ("no", "more", "than"), ("no", "fewer", "than"),
    ("no", "less", "than"), ("more", "than"), ("fewer", "than"), ("less", "than"), ("not", "more", "than"), ("about",),
    ("around",), ("approximately",), ("roughly",), ("exactly",), ("over",), ("between",), ("only",),
)  # fmt: skip
PARTICLES = _set("up out down off away back")
LEAD_INS = _set(
    "please now then first second third next finally also just simply kindly so and let's ok okay hi hello hey"
    " briefly quickly carefully politely directly lastly afterwards secondly"
)
LABELS = _set("task instruction instructions question prompt exercise problem step q todo")
OPENERS = _set(
    "given using based considering if when in for from as with after to on at by following according once while"
    " because since suppose assume imagine assuming supposing provided consider taking without unlike like under"
    " about here out between of before you depending instead knowing"
)
SETTINGS = _set("consider imagine suppose assume picture pretend")  # an opening like these is seldom the request itself
NOT_COMMANDS = _set(
    "question answer: input output example note context dear hello hi yes no is are was were do does did can"
    " could will would should may might must has have had am be what which who how why where when whose there this"
    " that it i you he she they we my your can't don't like mean second well better best last right even still"
    " total thank welcome"
)
COMMON_COMMANDS = _set(  # verbs that are nouns as well, and that open an instruction far more often than a heading
    "answer name list rank sort order plan design find change compare state outline draft review test estimate"
    " measure match group label highlight guess pair sketch rate mark report schedule edit check count correct"
    " question split spot study fix cut round quote filter format process transfer translate contrast cover search"
    " summarise tag challenge note debate use read picture balance brainstorm cite code craft practice query score"
    " swap model plot map predict make show give put play present conduct suggest"
)
TWO_OBJECTS = _set(
    "give tell show send offer teach ask write make find get hand lend grant pay serve sing read buy cook bring"
)
COMPLEMENTED = _set(  # "make the sentence negative"
    "make keep leave render turn set consider find deem label mark call declare"
)
AFTER_NOUN = _set(  # participles that follow their noun
    "using containing describing showing including representing explaining involving starting ending beginning"
    " consisting based given called written listed provided mentioned made found related associated named titled"
    " according having detailing outlining comparing discussing introducing featuring advertising announcing"
    " asking requesting inviting expressing thanking taken used needed presented attached set arising beginning"
)
NAMING = _set(  # a word that is named may follow these
    "term word phrase concept expression idiom proverb adjective verb noun"
)
SHIFTING = _set("try attempt want need like remember be feel go")  # "try to find": the next verb is meant
HELPING = _set("help let assist")
QUOTES = {'"': '"', "“": "”", "‘": "’", "«": "»", "„": "“", "`": "`", "”": "”", "'": "'"}
FILLING = _set("fill hand turn")  # verbs with "in" as a part


@lru_cache(1 << 16)
def classes(word: str) -> dict[str, tuple[str, ...]]:
    """The parts of speech a word can have, each with its lemmas. Keys: NOUN, PROPN, VERB, ADJ, ADV, AUX."""
    import lemminflect

    found: dict[str, tuple[str, ...]] = lemminflect.getAllLemmas(word)
    return found


def is_base_verb(word: str) -> bool:
    """Whether a word can be the base form of a verb."""
    word = word.lower()
    return word not in NOT_COMMANDS and word in classes(word).get("VERB", ())


def verb_lemma(word: str) -> str:
    """The base form of a verb."""
    word = word.lower()
    lemmas = classes(word).get("VERB", ())
    return word if word in lemmas or not lemmas else lemmas[0]


@lru_cache(1 << 16)
def noun_lemma(word: str) -> str:
    """The singular, in lower case; words the dictionary lacks lose a regular plural ending."""
    head, dash, tail = word.rpartition("-")
    if dash and tail and "NOUN" not in classes(word.lower()):
        return f"{head.lower()}-{noun_lemma(tail)}"
    lower = word.lower()
    if lower in SINGULAR_IN_S:
        return lower
    known = classes(lower).get("NOUN") or classes(word).get("PROPN")
    if known:
        singular = [lemma for lemma in known if lemma.lower() != lower]
        regular = lower.endswith("s") or lower not in known
        return singular[0].lower() if singular and regular else lower
    if len(lower) > 4 and word.islower() and lower.endswith("s") and not lower.endswith(("ss", "us", "is")):
        import lemminflect

        guessed = lemminflect.getAllLemmasOOV(lower, "NOUN").get("NOUN")
        return str(guessed[0]).lower() if guessed else lower
    return lower


def is_plural(word: str) -> bool:
    """Whether a word can be a plural noun."""
    return noun_lemma(word) != word.lower()


def can_be_noun(word: str) -> bool:
    """True for nouns, names and words the dictionary does not know."""
    if not word[:1].isalpha() or word.lower() in STOPS | DETERMINERS | PRONOUNS | {"and", "or"}:
        return False
    known = classes(word.lower()) or classes(word)
    return not known or "NOUN" in known or "PROPN" in known
