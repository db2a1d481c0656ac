"""Answers to "write instances" as chat and base models write them. All texts were written for these tests."""

from typing import NamedTuple


class Answer(NamedTuple):
    """A reply to "write instances", with the (input, output) pairs to keep and the rules that reject the others."""

    name: str
    reply: str
    kept: list[tuple[str, str]]
    rejected: tuple[str, ...] = ()
    labels: bool = False
    cut: bool = False


PAIRS = [("a b", "c d"), ("e f", "g h")]

GENERATED = [
    Answer("as asked", "Example 1\nInput: a b\nOutput: c d\nExample 2\nInput: e f\nOutput: g h", PAIRS),
    Answer("named inputs", "Example 1\nList: a\nOrder: b\nOutput: c\n\nExample 2\nList: d\nOrder: e\nOutput: f", [("List: a\nOrder: b", "c"), ("List: d\nOrder: e", "f")]),
    Answer("bold", "**Example 1**\n**Input:** a b\n**Output:** c d\n\n**Example 2**\n**Input**: e f\n**Output**: g h", PAIRS),
    Answer("headings", "### Example 1\n**Input:** a b\n**Output:** c d\n\n### Example 2\n**Input:** e f\n**Output:** g h", PAIRS),
    Answer("any case", "EXAMPLE 1:\nINPUT: a b\nOUTPUT: c d\n\nexample 2:\ninput: e f\noutput: g h", PAIRS),
    Answer("no headings", "Input: a b\nOutput: c d\n\nInput: e f\nOutput: g h", PAIRS),
    Answer("numbered fields", "Input 1: a b\nOutput 1: c d\nInput 2: e f\nOutput 2: g h", PAIRS),
    Answer("numbered pairs", "1. Input: a b\n   Output: c d\n\n2. Input: e f\n   Output: g h", PAIRS),
    Answer("bulleted pairs", "- Input: a b\n- Output: c d\n- Input: e f\n- Output: g h", PAIRS),
    Answer("no headings, named inputs", "List: a\nOutput: c d\n\nList: e\nOutput: g h", [("List: a", "c d"), ("List: e", "g h")]),
    Answer("headings with titles", "Example 1: The short one\nInput: a b\nOutput: c d\n\nExample 2: The long one\nInput: e f\nOutput: g h", PAIRS),
    Answer("headings that hold the input", "Example 1: a b\nOutput: c d\nExample 2: e f\nOutput: g h", PAIRS),
    Answer("headings without numbers", "Example\nInput: a b\nOutput: c d\nExample\nInput: e f\nOutput: g h", PAIRS),
    Answer("headings from 5", "Example 5\nInput: a b\nOutput: c d\nExample 6\nInput: e f\nOutput: g h", PAIRS),
    Answer("headings that skip", "Example 1\nInput: a b\nOutput: c d\nExample 3\nInput: e f\nOutput: g h", PAIRS),
    Answer("headings all alike", "Example 1\nInput: a b\nOutput: c d\nExample 1\nInput: e f\nOutput: g h", PAIRS),
    Answer("Example Input:", "Example Input: a b\nExample Output: c d", PAIRS[:1]),
    Answer("values on their own lines", "Example 1\nInput:\na b\nOutput:\nc d\nExample 2\nInput:\ne f\nOutput:\ng h", PAIRS),
    Answer("fields as headings", "### Input\na b\n\n### Output\nc d", PAIRS[:1]),
    Answer("preamble and farewell", "Sure! Here are two examples:\n\nExample 1\nInput: a b\nOutput: c d\n\nExample 2\nInput: e f\nOutput: g h\n\nLet me know if you need more!", PAIRS),
    Answer("farewell about the examples", "Example 1\nInput: a b\nOutput: c d\n\nExample 2\nInput: e f\nOutput: g h\n\nI hope these examples are useful.", PAIRS),
    Answer("preamble and one answer", "Here you go!\n\nOutput: c d", [("", "c d")]),
    Answer("an answer may take leave", "Example 1\nInput: a b\nOutput: Dear Ann,\n\nLet me know if you need more.", [("a b", "Dear Ann,\n\nLet me know if you need more.")]),
    Answer("rulers between", "Example 1\nInput: a b\nOutput: c d\n\n---\n\nExample 2\nInput: e f\nOutput: g h\n\n---", PAIRS),
    Answer("windows line ends", "Example 1\r\nInput: a b\r\nOutput: c d\r\nExample 2\r\nInput: e f\r\nOutput: g h\r\n", PAIRS),
    Answer("in a fence", "```\nExample 1\nInput: a b\nOutput: c d\n```", PAIRS[:1]),
    Answer("each in a fence", "Example 1\n```\nInput: a b\nOutput: c d\n```\nExample 2\n```\nInput: e f\nOutput: g h\n```", PAIRS),
    Answer("outputs of code keep their fence", "Example 1\nInput: a b\nOutput:\n```python\nx = 1\n```", [("a b", "```python\nx = 1\n```")]),
    Answer("full-width colons", "Input：a b\nOutput：c d", PAIRS[:1]),
    Answer("thoughts first", "<think>\nExample 1\nInput: x\nOutput: y\n</think>\nExample 1\nInput: a b\nOutput: c d", PAIRS[:1]),
    Answer("an end token", "Output: c d<|eot_id|>", [("", "c d")]),
    Answer("Example in an answer", "Output: For Example 1 see above.\nExample two follows.", [("", "For Example 1 see above.\nExample two follows.")]),
    Answer("examples are the answer", "Output: Similes compare.\nExample 1\nShe ran like wind.\nExample 2\nHe sat like stone.", [("", "Similes compare.\nExample 1\nShe ran like wind.\nExample 2\nHe sat like stone.")]),
    Answer("an answer, then examples", "Output: Use a manager.\nExample 1\nInput: a b\nOutput: c d", [("", "Use a manager."), ("a b", "c d")]),
    Answer("an example that was not begun", "Example 1\nInput: a b\nOutput: c d\nExample 2\n", PAIRS[:1]),
    Answer("Output in an answer", "Example 1\nInput: a b\nOutput: The program prints\nOutput: 5\nExample 2\nInput: e f\nOutput: g h", [("a b", "The program prints\nOutput: 5"), ("e f", "g h")]),
    Answer("Output inside a line", "Input: a b\nOutput: see the last Output: line, and Input: too", [("a b", "see the last Output: line, and Input: too")]),
    Answer("code that prints", "Output:\nprint(2)\n\nOutput: 2", [("", "print(2)\n\nOutput: 2")]),
    Answer("several answers", "Output: Drink more water.\nOutput: Sleep eight hours.", [("", "Drink more water."), ("", "Sleep eight hours.")]),
    Answer("the same answer again", "Output: Drink more water.\nOutput: Drink more water.", [("", "Drink more water.")], ("duplicate",)),
    Answer("Input: None", "Input: None\nOutput: c d", [("", "c d")]),
    Answer("Input: N/A", "Example 1\nInput: N/A\nOutput: c d", [("", "c d")]),
    Answer("Input: <noinput>", "Input: <noinput>\nOutput: c d", [("", "c d")]),
    Answer("Input: (no input needed)", "Input: (No input needed.)\nOutput: c d", [("", "c d")]),
    Answer("Input empty", "Input:\nOutput: c d", [("", "c d")]),
    Answer("none is a word, too", "Example 1\nInput: none of them came\nOutput: c d", [("none of them came", "c d")]),
    Answer("an input left unanswered", "Example 1\nInput: a b\nOutput: c d\nExample 2\nInput: e f", PAIRS[:1], ("empty output",)),
    Answer("another word for output", "Example 1\nInput: a b\nAnswer: c d", [], ("empty output",)),
    Answer("no field at all", "The answer is c d.", []),
    Answer("nothing", "", []),
    Answer("conflicting", "Example 1\nInput: a b\nOutput: c d\nExample 2\nInput: a b\nOutput: x\nExample 3\nInput: e f\nOutput: g h", PAIRS[1:], ("conflicting outputs", "conflicting outputs")),
    Answer("twice", "Example 1\nInput: a b\nOutput: c d\nExample 2\nInput: a b\nOutput: c d", PAIRS[:1], ("duplicate",)),
    Answer("cut", "Example 1\nInput: a b\nOutput: c d\nExample 2\nInput: e f\nOutput: g", PAIRS[:1], ("cut off",), cut=True),
    Answer("cut in an input of whole sentences", "Example 1\nText: a b\nOutput: c d\nExample 2\nText: " + "This one is not done. " * 6, [("Text: a b", "c d")], ("cut off",), cut=True),
    Answer("cut answer, too little left", "Output: One sentence. And", [], ("cut off",), cut=True),
    Answer("cut answer", "Output: " + "We walked home together. " * 6 + "Then it", [("", ("We walked home together. " * 6).strip())], cut=True),
    Answer("cut list", "Output: My list of towns:\n" + "".join(f"{n}. A town with a long name\n" for n in range(1, 5)) + "5. A to", [("", "My list of towns:\n" + "\n".join(f"{n}. A town with a long name" for n in range(1, 5)))], cut=True),
    Answer("cut right after a list number", "Output:\n" + "".join(f"{n}. A town with quite a long name\n" for n in range(1, 5)) + "5.", [("", "\n".join(f"{n}. A town with quite a long name" for n in range(1, 5)))], cut=True),
    Answer("cut Chinese answer", "Output: " + "我们一起走回家。" * 5 + "然后", [("", "我们一起走回家。" * 5)], cut=True),
    Answer("a list with fields inside an answer", "Output: A function has\n- Input: what goes in\n- Output: what comes out", [("", "A function has\n- Input: what goes in\n- Output: what comes out")]),
    Answer("numbered steps with fields inside an answer", "Input: a b\nOutput: Do this\n1. Input: type it\n2. Output: read it", [("a b", "Do this\n1. Input: type it\n2. Output: read it")]),
    Answer("a document with headings inside an answer", "Output: # Tool\n## Input\nA file.\n## Output\nA list.", [("", "# Tool\n## Input\nA file.\n## Output\nA list.")]),
    Answer("Example: inside an answer", "Example 1\nInput: a b\nOutput: Similes compare.\nExample:\nHe ran like wind.\nExample 2\nInput: e f\nOutput: g h", [("a b", "Similes compare.\nExample:\nHe ran like wind."), ("e f", "g h")]),
    Answer("unanswered, without headings", "List: a\nOutput: c d\n\nList: e", [("List: a", "c d")], ("empty output",)),
    Answer("an input that sounds like a greeting", "Great Expectations is about\nOutput: An orphan.", [("Great Expectations is about", "An orphan.")]),
    Answer("bold fields alone on their lines", "**Example 1**\n**Input**\na b\n**Output**\nc d", PAIRS[:1]),
]  # fmt: skip


LABELS = [("a b", "Yes"), ("c d", "No")]

CLASSIFIED = [
    Answer("as asked", "Class label: Yes\nInput: a b\nClass label: No\nInput: c d", LABELS, labels=True),
    Answer("named inputs", "Class label: Yes\nMail: a b\nClass label: No\nMail: c d", [("Mail: a b", "Yes"), ("Mail: c d", "No")], labels=True),
    Answer("bold fields", "**Class label:** Yes\n**Input:** a b\n\n**Class label:** No\n**Input:** c d", LABELS, labels=True),
    Answer("bold lines", "**Class label: Yes**\nInput: a b\n\n**Class label: No**\nInput: c d", LABELS, labels=True),
    Answer("any case", "CLASS LABEL: Yes\ninput: a b\nClass Label: No\nINPUT: c d", LABELS, labels=True),
    Answer("numbered", "1. Class label: Yes\n   Input: a b\n2. Class label: No\n   Input: c d", LABELS, labels=True),
    Answer("bulleted", "- Class label: Yes\n  Input: a b\n- Class label: No\n  Input: c d", LABELS, labels=True),
    Answer("as headings", "### Class label: Yes\nInput: a b\n\n### Class label: No\nInput: c d", LABELS, labels=True),
    Answer("example headings", "Example 1\nClass label: Yes\nInput: a b\n\nExample 2\nClass label: No\nInput: c d", LABELS, labels=True),
    Answer("short name", "Label: Yes\nInput: a b\nLabel: No\nInput: c d", LABELS, labels=True),
    Answer("input first", "Input: a b\nClass label: Yes\nInput: c d\nClass label: No", LABELS, labels=True),
    Answer("on one line", "Class label: Yes | Input: a b\nClass label: No | Input: c d", LABELS, labels=True),
    Answer("label on its own line", "Class label:\nYes\nInput: a b\nClass label:\nNo\nInput: c d", LABELS, labels=True),
    Answer("preamble", "Sure, here they are:\n\nClass label: Yes\nInput: a b\n\nClass label: No\nInput: c d", LABELS, labels=True),
    Answer("farewell", "Sure!\n\nClass label: Yes\nInput: a b\n\nClass label: No\nInput: c d\n\nLet me know if you need more.", LABELS, labels=True),
    Answer("in a fence", "```\nClass label: Yes\nInput: a b\nClass label: No\nInput: c d\n```", LABELS, labels=True),
    Answer("marker inside an input", "Class label: Yes\nInput: the form said Class label: none\nClass label: No\nInput: c d", [("the form said Class label: none", "Yes"), ("c d", "No")], labels=True),
    Answer("without input", "Class label: Yes\nInput: None", [("", "Yes")], labels=True),
    Answer("conflicting", "Class label: Yes\nInput: a b\nClass label: No\nInput: a b", [], ("conflicting outputs",) * 2, labels=True),
    Answer("cut", "Class label: Yes\nInput: a b\nClass label: No\nInput: c", LABELS[:1], ("cut off",), labels=True, cut=True),
    Answer("no label", "I cannot classify this.", [], labels=True),
    Answer("a last label without input is not the one before's", "I see two classes\n\nClass label: Yes\nInput: a b\nClass label: No", [("a b", "Yes"), ("", "No")], labels=True),
    Answer("named inputs first", "Mail: a b\nClass label: Yes\n\nMail: c d\nClass label: No", [("Mail: a b", "Yes"), ("Mail: c d", "No")], labels=True),
]  # fmt: skip
