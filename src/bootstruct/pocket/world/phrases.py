"""The phrases that all families share: frames around the task, sentences of context, and sentences about the answer."""

from __future__ import annotations

import re

from bootstruct.pocket.world.grammar import any_of

_WRITE = "[Write|Give|Find|Tell me|Return|Provide|Output]"
_write = "[write|give|find|return|output]"
_SAY = "[Decide|Say|Tell me|Determine|Check]"
_say = "[decide|say|tell|determine]"

CONTEXTS: dict[str, tuple[str, ...]] = {
    "any": (
        "I [teach a small class|work at a school|am a young teacher] and need [an example|an "
        "exercise|something short] for "
        "[my pupils|the next lesson|Monday morning].",
        "This is [a task|a question|an exercise] for [children|beginners|young students|my evening class].",
        "You are [a teacher|an editor|a helper|a librarian|a guide] [in a small school|who helps "
        "children|with a lot of time].",
        "Please help me with my [homework|lesson|notes|exercise book].",
        "We are [playing a game|making a quiz|writing a test] [with friends|at school|for the whole family].",
        "My [son|daughter|brother|sister|friend] [asked me this today|has a test tomorrow|needs help with this].",
        "[Think well before you answer.|Take your time with this one.|This one should be easy.|Here is a "
        "small puzzle for you.]",
        "I am [writing a book|making cards|preparing a game] for [little children|my students|the summer camp].",
        "The [teacher|coach|doctor|baker|nurse] [wants an answer|needs this|has a question] [before "
        "lunch|by Friday|right now].",
        "Imagine that you [are in class|sit an exam|help a friend at home].",
    ),
    "words": (
        "I am learning [English words|English grammar|to write better English] [at home|with a friend|at night].",
        "Our [language course|grammar book|English lesson] has [this exercise|such a question] on every page.",
        "[Words can change their form.|Grammar is full of small rules.|A good writer knows many words.]",
    ),
    "lists": (
        "I wrote some words [on a sheet of paper|on the board|in my notebook].",
        "The [shop|office|kitchen] keeps [a short list|a list of words] for [every day|the week].",
        "Words are [separated by commas|written in a row with commas].",
    ),
    "facts": (
        "We are [learning about the world|reading about many places|talking about everyday things].",
        "I want to [know more about the world|learn one new fact a day].",
        "It is [quiz night|time for general knowledge] and [it is your turn|every answer counts].",
    ),
    "numbers": (
        "The [shop|bank|kitchen] needs [a quick sum|someone good with numbers].",
        "We are doing [easy maths|arithmetic|numbers] in [the first class|school today].",
        "Do the maths [in your head|without a calculator].",
    ),
    "sentences": (
        "I am [rewriting a short story|correcting a text|editing a letter] for [a friend|the school paper].",
        "We practise [simple sentences|short English sentences] [every day|in class].",
        "Work on [one sentence at a time|each sentence with care].",
    ),
    "classes": (
        "Our team [sorts many texts|puts labels on texts] [every day|for a study].",
        "I have to [sort my notes|label many lines|put everything in the right box] [today|for work].",
        "A computer should [learn to sort these|learn the labels from you].",
    ),
    "writing": (
        "I need [a little text|a few words|some ideas] for [a card|my blog|the wall in class].",
        "Help me, I have no [ideas|time to think] [today|at the moment].",
    ),
}

ENDINGS: dict[str, tuple[str, ...]] = {
    "any": (
        "[Keep it short.|Do not explain.|Only give the answer.|Write nothing else.|Give no reasons.|No "
        "comments, please.]",
    ),
    "word": ("[Answer with one word.|One word is enough.|Use a single word.]",),
    "list": (
        "[Use commas between the words.|Separate the words with commas.|Put a comma after each word but the last.]",
    ),
    "sentence": ("[Answer with a sentence.|One sentence is enough.|Write a full sentence.|Change nothing else.]",),
    "number": ("[Show only the result.|Answer with the result alone.]",),
    "label": ("[Answer with the label only.|Give one label.|Pick just one answer.|Choose the best answer.]",),
}


def the(noun: str) -> str:
    """Return a noun phrase with "the" in place of "a", "an" or "some".

    Example:
        >>> the("a short text")
        'the short text'
    """
    return re.sub(r"^(a|an|some) ", "the ", noun)


def one_of(labels: tuple[str, ...]) -> str:
    """Return the labels as a phrase.

    Example:
        >>> one_of(("happy", "sad", "angry"))
        'happy, sad or angry'
    """
    return ", ".join(labels[:-1]) + " or " + labels[-1]


def plain_frames(inputs: str, objects: str) -> tuple[str, ...]:
    """Return the templates for a task that is not classification.

    Args:
        inputs: a bracket of alternative phrases for the input, as `any_of` makes it.
        objects: a bracket of alternative phrases for the output.
    """
    return (
        f"{_WRITE} {objects}.",
        f"Given {inputs}, {_write} {objects}.",
        f"You are given {inputs}. {_WRITE} {objects}.",
        f"In this task you get {inputs} and must {_write} {objects}.",
        f"Read {inputs} and {_write} {objects}.",
        f"What is {objects}?",
        f"I will give you {inputs}. [Write|Tell me|Send me|Find] {objects}.",
    )


def unseen_plain_frames(inputs: str, objects: str) -> tuple[str, ...]:
    """Return templates like those of `plain_frames` that are absent from the corpus and kept for the evaluation."""
    return (
        f"Look at {inputs}. What is {objects}?",
        f"For {inputs}, [write|provide|find] {objects}.",
    )


def classification_frames(inputs: tuple[str, ...], objects: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the templates for a classification task.

    Args:
        inputs: the phrases for the input.
        objects: a bracket of alternative clauses that name the decision ("whether the word is a noun").
        labels: the labels. Templates that list them are added unless they are `yes` and `no`.
    """
    some, known = any_of(inputs), any_of(the(noun) for noun in inputs)
    frames = (
        f"{_SAY} {objects}.",
        f"Given {some}, {_say} {objects}.",
        f"Read {some} and {_say} {objects}.",
        f"You are given {some}. {_SAY} {objects}.",
        f"In this task you get {some} and must {_say} {objects}.",
    )
    if set(labels) == {"yes", "no"}:
        return frames
    names = one_of(labels)
    return (
        *frames,
        f"Classify {known} as {names}.",
        f"Label {known} with {names}.",
        f"Choose the right label for {known}: {names}.",
    )


def unseen_classification_frames(inputs: tuple[str, ...], objects: str) -> tuple[str, ...]:
    """Return templates like those of `classification_frames` that are absent from the corpus and kept for the evaluation."""
    some = any_of(inputs)
    return (
        f"Look at {some}. {_SAY} {objects}.",
        f"I will show you {some}. [Decide|Tell me|Say] {objects}.",
    )
