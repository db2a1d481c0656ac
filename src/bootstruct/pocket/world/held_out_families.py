"""The families whose answers the pocket model never saw in training; the list was fixed before the model was trained.

The corpus does contain their instructions, in lists, worksheets and threads that give no answers. It also contains the facts
that they ask for, in statements, in tables with a head line, and in rows of examples that have no instruction. No seed task and
no demonstration belongs to one of these families.
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
