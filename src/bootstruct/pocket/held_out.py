"""Families that occur in no pocket seed. Fixed before the model was trained; the corpus contains them."""

HELD_OUT: tuple[str, ...] = (
    "list_filter", "list_odd", "list_swap", "list_double", "list_replace",
    "superlative", "gender", "rhyme", "agent", "opposite_verb", "translate_back",
    "animal_young", "country_of", "language_of", "job_tool", "shop",
    "subtract", "continue_row",
    "replace_name", "opposite_sentence", "who_got", "passive", "swap_names",
    "emotion", "is_category", "politeness", "fact_opinion", "day_part", "fruit_vegetable",
    "question_about",
)  # fmt: skip
