"""Tasks whose input is one word: they ask for a form, a spelling, an opposite or a translation."""

from __future__ import annotations

from bootstruct.pocket.world.family import TaskFamily, lookup_family
from bootstruct.pocket.world.lexicon import (
    AGENTS,
    ANTONYMS,
    CATEGORIES,
    COMPARATIVES,
    COMPOUNDS,
    GENDER,
    ING,
    LANGUAGES,
    LETTER_WORDS,
    NUMBERS,
    OPPOSITE_VERBS,
    PAST,
    PLURALS,
    RHYMES,
    SHORT_FORMS,
    SUPERLATIVES,
    SYNONYMS,
    THIRD_PERSON,
    UN,
    inverted,
)

_WORD = ("a word", "an English word")
_ADJECTIVE = ("an adjective", "a word")
_VERB = ("a verb", "a word")
_NOUN = ("a noun", "a word")

_FORMS = (
    lookup_family(
        "plural",
        "words",
        ("a noun", "a singular noun"),
        ("the plural of the noun", "the plural form", "the plural of the word"),
        (
            "Make the noun plural.",
            "Turn the singular [noun|word] into a plural.",
            "How do you say more than one of this thing?",
            "There is one thing now and soon there are many. Write the plural.",
        ),
        PLURALS,
    ),
    lookup_family(
        "singular",
        "words",
        ("a plural noun", "a plural"),
        ("the singular of the noun", "the singular form"),
        (
            "Make the plural noun singular.",
            "Turn the plural into a singular.",
            "What is the word for only one of these things?",
        ),
        inverted(PLURALS),
    ),
    lookup_family(
        "past_tense",
        "words",
        _VERB,
        ("the past tense of the verb", "the past form of the verb", "the past tense"),
        (
            "Put the verb [in|into] the past tense.",
            "Say the verb as if it happened yesterday.",
            "We do it today. Write the verb for what we did last week.",
        ),
        PAST,
    ),
    lookup_family(
        "present_tense",
        "words",
        ("a verb in the past tense", "a past form"),
        ("the present tense of the verb", "the base form of the verb"),
        (
            "Put the past verb back into the present.",
            "The verb is in the past. Write its base form.",
            "It happened yesterday. Say the verb for today.",
        ),
        inverted({k: v for k, v in PAST.items() if k != v}),
    ),
    lookup_family(
        "ing_form",
        "words",
        _VERB,
        ("the ing form of the verb", "the form of the verb that ends in ing"),
        (
            "Add ing to the verb.",
            "Write the verb in its ing form.",
            "Someone is doing it right now. Which form of the verb ends in ing?",
        ),
        ING,
    ),
    lookup_family(
        "third_person",
        "words",
        _VERB,
        ("the form of the verb for he or she", "the verb form after she"),
        (
            "Write the verb as it stands after he or she.",
            "Change the verb so that it fits after the word she.",
            "I do it and he does it too. Give the verb form for he.",
        ),
        THIRD_PERSON,
    ),
    lookup_family(
        "comparative",
        "words",
        _ADJECTIVE,
        ("the comparative form", "the comparative of the adjective"),
        (
            "Turn the adjective into the comparative.",
            "Write the form of the adjective used before than.",
            "One thing has more of it than another. Give the comparative.",
        ),
        COMPARATIVES,
    ),
    lookup_family(
        "superlative",
        "words",
        _ADJECTIVE,
        ("the superlative form", "the superlative of the adjective"),
        (
            "Turn the adjective into the superlative.",
            "Write the adjective for the one that has the most of it.",
            "Nothing has more of it. Give the superlative.",
        ),
        SUPERLATIVES,
    ),
    lookup_family(
        "agent",
        "words",
        _VERB,
        ("the word for a person who does this", "the noun for the person who does the action"),
        (
            "Name the person who does this action.",
            "What do you call someone who does this?",
            "Make a noun for a person from the verb.",
        ),
        AGENTS,
    ),
    lookup_family(
        "negative_prefix",
        "words",
        _ADJECTIVE,
        ("the adjective with the prefix un", "the word that starts with un"),
        (
            "Put un before the adjective.",
            "Make the adjective negative with the prefix un.",
            "Use two letters at the front to give the adjective a negative meaning.",
        ),
        UN,
    ),
)

_MEANINGS = (
    lookup_family(
        "antonym",
        "words",
        _ADJECTIVE,
        ("the opposite of the adjective", "the word with the opposite meaning", "an antonym of the word"),
        (
            "What is the opposite of this adjective?",
            "Replace the word with its antonym.",
            "Find a word that means the opposite.",
        ),
        ANTONYMS,
    ),
    lookup_family(
        "opposite_verb",
        "words",
        _VERB,
        ("the opposite of the verb", "the opposite action"),
        (
            "What is the opposite of this action?",
            "Which verb undoes this one? Name the opposite action.",
            "Replace the verb with its opposite.",
        ),
        OPPOSITE_VERBS,
    ),
    lookup_family(
        "synonym",
        "words",
        _WORD,
        ("a synonym of the word", "a word with the same meaning", "a synonym"),
        (
            "Which word means the same?",
            "Replace the word with a synonym.",
            "Say it in another word that has the same meaning.",
        ),
        SYNONYMS,
    ),
    lookup_family(
        "gender",
        "words",
        ("a word for a person", "a family word"),
        ("the matching word for the other gender", "the male or female partner of the word"),
        (
            "Switch the word to the other gender.",
            "Change male to female and female to male.",
            "A word names a man or a woman. Give the word for the other.",
        ),
        GENDER,
    ),
    TaskFamily(
        "rhyme",
        "words",
        (
            "Which word rhymes with this word?",
            "Find a rhyme for the word.",
            "I write a poem and need a word that rhymes.",
        ),
        lambda rng, _p, _l: rng.choice(tuple(RHYMES)),
        lambda text, _p: RHYMES.get(text),
        _WORD,
        ("a word that rhymes with it", "a rhyme for the word", "a rhyming word"),
    ),
    lookup_family(
        "compound",
        "words",
        ("two short words", "a pair of words"),
        ("the long word made of the two words", "the compound word"),
        (
            "Join the two words into one long word.",
            "Make one word of the two.",
            "Put both parts together into a compound word.",
        ),
        COMPOUNDS,
    ),
    lookup_family(
        "short_form",
        "words",
        ("two words", "a long form"),
        ("the short form with an apostrophe", "the contraction of the words"),
        (
            "Shorten the two words with an apostrophe.",
            "Write the contraction.",
            "People say it shorter when they talk. Write that short form.",
        ),
        SHORT_FORMS,
    ),
)

_LETTERS = (
    lookup_family(
        "first_letter",
        "words",
        _WORD,
        ("the first letter of the word", "the letter at the start of the word"),
        ("Which letter does the word [start|begin] with?", "Copy the first letter[| of the word]."),
        {w: w[0] for w in LETTER_WORDS},
        "number",
    ),
    lookup_family(
        "last_letter",
        "words",
        _WORD,
        ("the last letter of the word", "the letter at the end of the word"),
        ("Which letter does the word end with?", "Copy the last letter[| of the word]."),
        {w: w[-1] for w in LETTER_WORDS},
        "number",
    ),
    lookup_family(
        "word_length",
        "words",
        _WORD,
        ("the number of letters in the word", "the length of the word in letters"),
        ("How many letters does the word have?", "Count the letters[| of the word]."),
        {w: NUMBERS[len(w) - 1] for w in LETTER_WORDS},
        "number",
    ),
    lookup_family(
        "upper_case",
        "words",
        _WORD,
        ("the word in capital letters", "the word in upper case"),
        (
            "Write the word in capital letters.",
            "Change all the letters to upper case.",
            "Make every letter of the word big.",
        ),
        {w: w.upper() for w in LETTER_WORDS},
        "word",
        1.3,
    ),
    lookup_family(
        "spell",
        "words",
        _WORD,
        ("the letters of the word with dashes between them", "the spelling of the word"),
        (
            "Spell the word.",
            "Write the word letter by letter with dashes.",
            "How is the word spelled? Put a dash after each letter.",
        ),
        {w: "-".join(w) for w in LETTER_WORDS},
        "word",
        1.6,
    ),
    lookup_family(
        "capitalize",
        "words",
        _NOUN,
        ("the word with a capital first letter", "the word as it stands at the start of a sentence"),
        (
            "Start the word with a capital letter.",
            "Make only the first letter of the word big.",
            "Capitalize the word.",
        ),
        {w: w.capitalize() for w in LETTER_WORDS},
        "word",
    ),
    lookup_family(
        "article",
        "words",
        ("a noun", "a thing"),
        ("the noun with a or an before it", "the word with the right article, a or an"),
        (
            "Put a or an before the noun.",
            "Does the noun take a or an? Write both words.",
            "Add the article a or an to the word.",
        ),
        {
            w: ("an " if w[0] in "aeiou" else "a ") + w
            for c in ("animal", "fruit", "vegetable", "tool", "furniture")
            for w in CATEGORIES[c]
        },
        "sentence",
    ),
)

_TRANSLATION = (
    TaskFamily(
        "translate",
        "words",
        (
            "Translate the [English word|word] [into|to] {lang}.",
            "How do you say this word in {lang}?",
            "Say it in {lang}.",
            "My friend speaks only {lang}. Translate the word for my friend.",
            "What is this called in {lang}?",
        ),
        lambda rng, p, _l: rng.choice(tuple(LANGUAGES[p["lang"]])),
        lambda text, p: LANGUAGES[p["lang"]].get(text),
        _WORD,
        ("the {lang} translation of the word", "the {lang} word for it", "the word in {lang}"),
        slots={"lang": tuple(LANGUAGES)},
        weight=2.5,
    ),
    TaskFamily(
        "translate_back",
        "words",
        (
            "Translate the {lang} word into English.",
            "What does this {lang} word mean in English?",
            "I read a {lang} book and do not know this word. Translate it into English.",
        ),
        lambda rng, p, _l: rng.choice(tuple(LANGUAGES[p["lang"]].values())),
        lambda text, p: inverted(LANGUAGES[p["lang"]]).get(text),
        ("a {lang} word", "a word in {lang}"),
        ("the English translation of the {lang} word", "the English word for the {lang} one"),
        slots={"lang": tuple(LANGUAGES)},
        weight=2.0,
    ),
)

WORD_FAMILIES: tuple[TaskFamily, ...] = _FORMS + _MEANINGS + _LETTERS + _TRANSLATION
