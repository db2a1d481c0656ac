"""Tasks that ask for a fact of the micro-world, such as the capital of a country."""

from __future__ import annotations

from bootstruct.pocket.world.family import Params, TaskFamily, lookup_family
from bootstruct.pocket.world.lexicon import (
    CAPITALS,
    COLOR_OF,
    DAYS,
    HOMES,
    JOB_TOOLS,
    LANGUAGE_OF,
    LEGS,
    MATERIALS,
    MONTHS,
    NUMBERS,
    ORDINALS,
    PRODUCTS,
    RACKETS,
    SENSES,
    SHOPS,
    SOUNDS,
    TASTES,
    WORKPLACES,
    YOUNG,
    inverted,
)

_ANIMAL = ("an animal", "the name of an animal")
_COUNTRY = ("a country", "the name of a country")
_THING = ("a thing", "an object")
_JOB = ("a job", "a profession")
_CYCLES = (DAYS, MONTHS)


def _step(text: str, params: Params) -> str | None:
    """Return the day or month after or before this one, or None if the text is neither."""
    move = 1 if params["dir"] == "after" else -1
    for cycle in _CYCLES:
        if text in cycle:
            return cycle[(cycle.index(text) + move) % len(cycle)]
    return None


_ANIMALS = (
    lookup_family(
        "animal_sound",
        "facts",
        _ANIMAL,
        ("the sound of the animal", "the sound the animal makes"),
        (
            "What [sound|noise] does this animal make?",
            "Name the noise the animal makes.",
            "You hear this animal on a farm or in a forest. What does it say?",
        ),
        SOUNDS,
    ),
    lookup_family(
        "animal_young",
        "facts",
        _ANIMAL,
        ("the name of the baby animal", "the word for the young of the animal"),
        (
            "What do you call the baby of this animal?",
            "Name the young of the animal.",
            "This animal has a little one. What is the little one called?",
        ),
        YOUNG,
    ),
    lookup_family(
        "animal_home",
        "facts",
        _ANIMAL,
        ("the home of the animal", "the place where the animal lives"),
        (
            "Where does this animal live?",
            "Name the home of the animal.",
            "In what place does the animal sleep or live?",
        ),
        HOMES,
    ),
    lookup_family(
        "animal_legs",
        "facts",
        _ANIMAL,
        ("the number of legs the animal has", "the number of legs"),
        (
            "How many legs does this animal have?",
            "Count the legs of the animal.",
            "Say on how many legs the animal walks.",
        ),
        LEGS,
        "number",
    ),
    lookup_family(
        "animal_product",
        "facts",
        ("a product", "a thing we get from animals"),
        ("the animal that gives us this", "the animal it comes from"),
        (
            "Which animal gives us this?",
            "From which animal do we get this product?",
            "Name the animal behind this product.",
        ),
        PRODUCTS,
    ),
)

_PLACES = (
    lookup_family(
        "capital",
        "facts",
        _COUNTRY,
        ("the capital of the country", "the capital city", "the capital city of the country"),
        (
            "Which city is the capital of this country?",
            "Name the capital of the country.",
            "I plan a trip and want to see the main city. Which city is the capital?",
        ),
        CAPITALS,
    ),
    lookup_family(
        "country_of",
        "facts",
        ("a city", "the name of a city"),
        ("the country of the city", "the country where the city is"),
        (
            "In which country is this city?",
            "Name the country the city is in.",
            "I will fly to this city. Which country is that?",
        ),
        inverted(CAPITALS),
    ),
    lookup_family(
        "language_of",
        "facts",
        _COUNTRY,
        ("the language of the country", "the language people speak there"),
        (
            "Which language do people speak in this country?",
            "Name the main language of the country.",
            "I will travel to this country. Which language should I learn?",
        ),
        LANGUAGE_OF,
    ),
    lookup_family(
        "workplace",
        "facts",
        _JOB,
        ("the workplace of the person", "the place where this person works"),
        (
            "Where does this person work?",
            "Name the usual workplace for the job.",
            "To which place does someone with this job go every morning?",
        ),
        WORKPLACES,
    ),
    lookup_family(
        "shop",
        "facts",
        ("a thing to buy", "something I want to buy"),
        ("the place that sells it", "the shop for it"),
        (
            "Where can I buy this?",
            "Name the shop that sells this.",
            "I have to get this today. Which shop should I visit?",
        ),
        SHOPS,
    ),
)

_THINGS = (
    lookup_family(
        "color_of",
        "facts",
        _THING,
        ("the color of the thing", "the usual color of the object"),
        (
            "What color is this thing?",
            "Name the usual color of the thing.",
            "A child wants to paint this. Which color is right?",
        ),
        COLOR_OF,
    ),
    lookup_family(
        "material",
        "facts",
        _THING,
        ("the material of the thing", "the material it is made of"),
        (
            "What is this thing made of?",
            "Name the usual material of the thing.",
            "Someone wants to build this. Which material is needed?",
        ),
        MATERIALS,
    ),
    lookup_family(
        "taste",
        "facts",
        ("a kind of food", "something to eat"),
        ("the taste of the food", "the way it tastes"),
        (
            "How does this food taste?",
            "Name the taste of the food.",
            "I have never eaten this. What will it taste like?",
        ),
        TASTES,
    ),
    lookup_family(
        "job_tool",
        "facts",
        _JOB,
        ("the tool for the job", "the tool that the person uses"),
        (
            "Which tool does this person use?",
            "Name the main tool of the job.",
            "Someone with this job lost a tool. Which one is it?",
        ),
        JOB_TOOLS,
    ),
    lookup_family(
        "sport_gear",
        "facts",
        ("a sport", "the name of a sport"),
        ("the gear for the sport", "the thing you need for the sport"),
        (
            "What do you need to play this sport?",
            "Name the gear for the sport.",
            "I want to start with this sport. What should I buy first?",
        ),
        RACKETS,
    ),
    lookup_family(
        "body_part",
        "facts",
        ("an action", "a thing we do"),
        ("the part of the body we use for it", "the body part for the action"),
        (
            "Which part of the body do we use for this?",
            "Name the body part that does this.",
            "Your body can do this. With which part?",
        ),
        SENSES,
    ),
)

_TIME = (
    TaskFamily(
        "day_step",
        "facts",
        (
            "Which day or month comes {dir} this one?",
            "Name the day or month that comes {dir} the given one.",
            "Look at the calendar. What comes right {dir} this?",
        ),
        lambda rng, _p, _l: rng.choice(rng.choice(_CYCLES)),
        _step,
        ("a day of the week or a month", "a day or a month"),
        ("the one that comes {dir} it", "the day or month {dir} it"),
        slots={"dir": ("after", "before")},
        weight=1.4,
    ),
    lookup_family(
        "month_number",
        "facts",
        ("a month", "the name of a month"),
        ("the number of the month", "the place of the month in the year"),
        (
            "Which number does this month have?",
            "Write the month as a number.",
            "Months run from 1 to 12. Give the number of this one.",
        ),
        {month: str(place + 1) for place, month in enumerate(MONTHS)},
        "number",
    ),
    lookup_family(
        "clock",
        "facts",
        ("a time", "a time on a clock"),
        ("the time in words", "the time as people say it"),
        ("Say the time in words.", "How do people say this time?", "The clock shows this. Write the time in words."),
        {f"{hour + 1}:00": f"{word} o'clock" for hour, word in enumerate(NUMBERS)}
        | {f"{hour + 1}:30": f"half past {word}" for hour, word in enumerate(NUMBERS)},
        "sentence",
    ),
    lookup_family(
        "ordinal",
        "numbers",
        ("a number word", "a number in letters"),
        ("the ordinal of the number", "the word for the place in a race"),
        (
            "Turn the number into an ordinal.",
            "A runner finished on this place. Write the ordinal word.",
            "Write the form of the number word used for dates.",
        ),
        dict(zip(NUMBERS, ORDINALS, strict=True)),
    ),
)

FACT_FAMILIES: tuple[TaskFamily, ...] = _ANIMALS + _PLACES + _THINGS + _TIME
