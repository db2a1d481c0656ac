"""Classification tasks whose input is a sentence or a short text."""

from __future__ import annotations

from bootstruct.pocket.world.family import TaskFamily, classification_family
from bootstruct.pocket.world.grammar import Slots
from bootstruct.pocket.world.lexicon import ADJECTIVES, CATEGORIES, DAYS, NAMES, OBJECTS, SUBJECTS, VERBS_S

_FILL: Slots = {
    "n": NAMES,
    "m": NAMES,
    "day": DAYS,
    "city": CATEGORIES["city"],
    "food": CATEGORIES["food"],
    "subj": SUBJECTS,
    "adj": ADJECTIVES,
    "verb": tuple(VERBS_S),
    "past": tuple(VERBS_S.values()),
    "base": tuple(verb[:-1] for verb in VERBS_S),
    "thing": OBJECTS,
    "art": ("movie", "book", "hotel", "song", "game", "phone", "room", "show", "trip", "meal"),
    "good": ("great", "good", "lovely", "wonderful", "brilliant", "nice", "perfect", "superb"),
    "bad": ("bad", "terrible", "poor", "horrible", "boring", "stupid", "dull", "dreadful"),
    "prize": ("phone", "trip", "car", "gift"),
}
_WORD = ("a word", "a noun")
_SENTENCE = ("a sentence", "a line of text")
_MESSAGE = ("a message", "an email")

_FEELINGS = (
    classification_family(
        "sentiment",
        "classes",
        ("a review", "an opinion"),
        ("whether the review is positive or negative", "if the opinion is positive or negative"),
        (
            "What is the sentiment of the review, positive or negative?",
            "Did the writer like it? Answer positive or negative.",
            "Is the opinion positive or negative?",
        ),
        {
            "positive": (
                "The {art} was {good}.",
                "This {art} is {good}!",
                "I think the {art} is {good}.",
                "{n} had a {good} {art}.",
                "What a {good} {art}!",
            ),
            "negative": (
                "The {art} was {bad}.",
                "This {art} is {bad}!",
                "I think the {art} is {bad}.",
                "{n} had a {bad} {art}.",
                "What a {bad} {art}!",
            ),
        },
        _FILL,
        1.3,
    ),
    classification_family(
        "emotion",
        "classes",
        ("a short story", "a line about a person"),
        ("how the person feels", "which emotion the person has"),
        ("How does the person feel: happy, sad, angry or afraid?", "Name the emotion: happy, sad, angry or afraid."),
        {
            "happy": (
                "{n} won a prize.",
                "{n} got a new bike.",
                "{n} is smiling.",
                "{n} passed the test on {day}.",
                "{n} laughs with {m}.",
            ),
            "sad": (
                "{n} lost the dog.",
                "{n} is crying.",
                "{n} misses a friend.",
                "{n} failed the test on {day}.",
                "{n} said goodbye to {m}.",
            ),
            "angry": (
                "{n} shouted at {m}.",
                "{n} hit the table.",
                "Someone stole the car of {n}.",
                "{m} broke the phone of {n}.",
            ),
            "afraid": (
                "{n} saw a lion in the room.",
                "{n} heard a noise at night.",
                "{n} ran away from a bear.",
                "{n} hid under the bed.",
            ),
        },
        _FILL,
        1.3,
    ),
    classification_family(
        "politeness",
        "classes",
        ("a request", "a sentence to a waiter"),
        ("whether the request is polite or rude", "if the speaker is polite or rude"),
        ("Is the speaker polite or rude?", "Listen to the tone of the request. Is it polite or rude?"),
        {
            "polite": (
                "Could you bring me the {thing}, please?",
                "May I have some {food}, please?",
                "Would you open the door, please?",
                "Thank you for the {food}, {n}.",
            ),
            "rude": (
                "Bring me the {thing} now!",
                "Give me {food}, quick!",
                "Open the door, you fool!",
                "Shut up, {n}!",
            ),
        },
        _FILL,
    ),
    classification_family(
        "formality",
        "classes",
        ("a greeting or a line of a letter", "a line of a letter"),
        ("whether the line is formal or informal", "if the style is formal or informal"),
        (
            "Is the style of the line formal or informal?",
            "Would you write this to a boss or a friend? Say formal or informal.",
        ),
        {
            "formal": (
                "Dear Sir, I am writing about the {thing}.",
                "Yours sincerely, {n}.",
                "We regret that the {art} is closed.",
                "I would like to meet you on {day}.",
            ),
            "informal": (
                "Hey {n}, what's up?",
                "See ya on {day}!",
                "Gonna grab some {food}.",
                "That {art} was so cool, lol.",
            ),
        },
        _FILL,
    ),
    classification_family(
        "urgency",
        "classes",
        _MESSAGE,
        ("whether the message is urgent or can wait",),
        ("Must we read this message now? Answer urgent or not urgent.", "Is the message urgent or not urgent?"),
        {
            "urgent": (
                "Call a doctor now!",
                "{n} is hurt, come quickly!",
                "The {subj} is on fire!",
                "We need help at once in {city}!",
            ),
            "not urgent": (
                "See you next {day}.",
                "{n} says hello from {city}.",
                "Take your time with the {thing}.",
                "Here is a photo of my {subj}.",
            ),
        },
        _FILL,
    ),
    classification_family(
        "intent",
        "classes",
        ("a message to a shop", "a note from a customer"),
        ("whether the customer complains, asks or says thanks", "what the customer wants to do"),
        ("Is the note a complaint, a question or thanks?", "Sort the mail of the shop: complaint, question or thanks."),
        {
            "complaint": (
                "The {thing} you sent is broken.",
                "My {thing} came too late.",
                "I want my money back for the {thing}.",
            ),
            "question": ("How much is the {thing}?", "Do you open on {day}?", "Can I buy a {thing} in {city}?"),
            "thanks": (
                "Thank you for the {thing}!",
                "Thanks a lot, the {thing} is perfect.",
                "I love my new {thing}, many thanks.",
            ),
        },
        _FILL,
    ),
)

_TEXTS = (
    classification_family(
        "topic",
        "classes",
        ("a sentence", "a news line"),
        ("what the topic of the sentence is", "which topic the news line has"),
        (
            "What is the topic: sports, weather, music or food?",
            "On which page of the paper does it go: sports, weather, music or food?",
        ),
        {
            "sports": (
                "The team won the game.",
                "{n} kicked the ball into the goal.",
                "The player scored two points on {day}.",
                "They lost the match in {city}.",
                "{n} won the race on {day}.",
            ),
            "weather": (
                "It will rain on {day}.",
                "The sun is hot today.",
                "Snow fell in {city}.",
                "A strong wind blew in {city}.",
                "It was cold and wet on {day}.",
            ),
            "music": (
                "{n} sang a song.",
                "The band played in {city}.",
                "{n} plays the piano.",
                "{n} bought a guitar on {day}.",
                "The singer wrote a new song.",
            ),
            "food": (
                "{n} cooked a soup.",
                "The cake was sweet.",
                "We ate {food} on {day}.",
                "The baker made bread in {city}.",
                "{n} ate some {food}.",
            ),
        },
        _FILL,
        1.3,
    ),
    classification_family(
        "spam",
        "classes",
        _MESSAGE,
        ("whether the message is spam or not spam", "if it is spam or not spam"),
        (
            "Is this email spam or not spam?",
            "Detect junk mail. Answer spam or not spam.",
            "Should the message go to the junk box? Say spam or not spam.",
        ),
        {
            "spam": (
                "Win a free {prize} now!",
                "Click here to get money!",
                "You won a {prize}! Call now!",
                "Buy cheap pills today!",
                "Get rich fast! Click now!",
            ),
            "not spam": (
                "See you on {day}.",
                "Can we meet on {day}?",
                "{n} will call you later.",
                "Thanks for the help, {n}.",
                "The lunch with {n} is on {day}.",
            ),
        },
        _FILL,
    ),
    classification_family(
        "sentence_kind",
        "classes",
        _SENTENCE,
        ("whether it is a question, a statement or a command",),
        (
            "Is it a question, a statement or a command?",
            "What kind of sentence is this: question, statement or command?",
        ),
        {
            "question": ("Is the {subj} {adj}?", "Where is {n}?", "Who went to {city}?", "Does {n} like {food}?"),
            "statement": ("The {subj} is {adj}.", "{n} is here.", "{n} went to {city}.", "{n} likes {food}."),
            "command": ("Open the {subj}.", "Go to {city}.", "Bring the {thing} to {n}.", "Eat the {food}."),
        },
        _FILL,
    ),
    classification_family(
        "tense",
        "classes",
        _SENTENCE,
        ("whether the sentence is about the past, the present or the future", "which tense the sentence has"),
        ("Is the sentence about the past, present or future?", "When does it happen? Say past, present or future."),
        {
            "past": ("{n} {past} in {city}.", "{n} {past} with {m}."),
            "present": ("{n} {verb} in {city}.", "{n} {verb} with {m}."),
            "future": ("{n} will {base} in {city}.", "{n} will {base} with {m}."),
        },
        _FILL,
        1.3,
    ),
    classification_family(
        "weather_kind",
        "classes",
        ("a weather report", "a line about the weather"),
        ("whether it is sunny, rainy, snowy or windy",),
        (
            "What is the weather like: sunny, rainy, snowy or windy?",
            "Choose a weather symbol for the report: sunny, rainy, snowy or windy.",
        ),
        {
            "sunny": (
                "There is no cloud over {city}.",
                "{n} needs sunglasses today.",
                "It is bright and hot in {city}.",
            ),
            "rainy": (
                "{n} took an umbrella on {day}.",
                "Water falls from the sky in {city}.",
                "The streets of {city} are wet.",
            ),
            "snowy": ("{city} is all white on {day}.", "{n} builds a snowman.", "The children of {city} go skiing."),
            "windy": ("The hat of {n} flew away.", "It blew hard in {city} on {day}.", "{n} flies a kite on {day}."),
        },
        _FILL,
    ),
    classification_family(
        "fact_opinion",
        "classes",
        ("a statement", "a claim"),
        ("whether the statement is a fact or an opinion",),
        ("Is the claim a fact or an opinion?", "Can the statement be checked? Say fact or opinion."),
        {
            "fact": (
                "{city} is a city.",
                "A week has seven days.",
                "{n} was born on {day}.",
                "The sun is a star.",
                "{n} lives in {city}.",
            ),
            "opinion": (
                "I think {city} is boring.",
                "{day} is the best day.",
                "{n} should be nicer.",
                "In my view {food} tastes bad.",
                "{city} is too loud for me.",
            ),
        },
        _FILL,
    ),
    classification_family(
        "day_part",
        "classes",
        ("a line about someone's day", "a sentence about daily life"),
        ("whether it happens in the morning, at noon or at night", "which part of the day it is"),
        ("Which part of the day is it: morning, noon or night?", "Does the scene play in the morning, noon or night?"),
        {
            "morning": ("{n} wakes up.", "{n} eats breakfast with {m}.", "The sun rises over {city}."),
            "noon": ("{n} eats lunch with {m}.", "The sun stands high over {city}.", "It is twelve o'clock in {city}."),
            "night": ("{n} looks at the stars.", "{n} sleeps and dreams.", "The moon shines over {city}."),
        },
        _FILL,
    ),
)


TEXT_CLASS_FAMILIES: tuple[TaskFamily, ...] = _FEELINGS + _TEXTS
