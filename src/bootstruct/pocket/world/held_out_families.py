"""Families that the pocket model's corpus never shows with an answer, fixed before the model was trained.

Their instructions stand in lists, worksheets and threads without answers; what they ask for stands in facts, in tables with
a head, and in rows of examples without an instruction. No seed and no demonstration is of one of them.
"""

HELD_OUT: tuple[str, ...] = (
    "list_keep", "list_replace", "list_swap", "list_double", "list_sentence", "list_filter", "list_odd", "list_unique",
    "list_contains", "list_middle",
    "singular", "present_tense", "third_person", "superlative", "negative_prefix", "opposite_verb", "gender", "rhyme",
    "last_letter", "word_length", "spell", "capitalize", "translate_back",
    "animal_young", "animal_legs", "animal_product", "country_of", "language_of", "shop", "job_tool", "sport_gear",
    "body_part", "clock",
    "ordinal", "subtract", "word_number", "previous_number", "extreme_number", "continue_row", "number_size",
    "opposite_sentence", "future_sentence", "replace_name", "passive", "swap_names", "first_person", "remove_word",
    "who_got", "compare", "sentence_length",
    "emotion", "politeness", "intent", "weather_kind", "fact_opinion", "day_part", "person_place_thing",
    "word_language", "room", "fruit_vegetable", "travel", "is_category", "rhyme_check",
    "say_foreign",
    "past_of_nth", "sound_of_nth", "comparative_of_nth", "capitals_of_nth", "reverse_drop", "sum_in_words",
    "double_of_larger", "past_with_pronoun", "very_question", "plural_in_capitals", "opposite_letter",
)  # fmt: skip
