"""Replies as chat and base models write them, and what should be read from each. All texts were written for this."""

from typing import NamedTuple


class Listing(NamedTuple):
    """A reply to "write new tasks". opened: the number the prompt ended with, None in a chat.

    cut: it hit max_tokens; flawed: and its last candidate is therefore not whole.
    """

    name: str
    reply: str
    read: list[str]
    opened: int | None = None
    cut: bool = False
    flawed: bool = False


class Answer(NamedTuple):
    """A reply to "write instances": the (input, output) pairs that should be kept, and the rules of those refused."""

    name: str
    reply: str
    kept: list[tuple[str, str]]
    refused: tuple[str, ...] = ()
    labels: bool = False
    cut: bool = False


AB = ["Name three rivers.", "Rank the planets by size."]
ABC = [*AB, "Spell the word backwards."]

BASE = [
    Listing("plain", " Name three rivers.\n10. Rank the planets by size.\n11. Spell the word backwards.", ABC, 9),
    Listing("one item", " Name three rivers.", AB[:1], 9),
    Listing(
        "blank lines between",
        " Name three rivers.\n\n10. Rank the planets by size.\n\n\n11. Spell the word backwards.",
        ABC,
        9,
    ),
    Listing(
        "no blank after the number",
        " Name three rivers.\n10.Rank the planets by size.\n11.Spell the word backwards.",
        ABC,
        9,
    ),
    Listing("parentheses", " Name three rivers.\n10) Rank the planets by size.\n11) Spell the word backwards.", ABC, 9),
    Listing("colons", " Name three rivers.\n10: Rank the planets by size.\n11: Spell the word backwards.", ABC, 9),
    Listing("tabs and trailing blanks", " Name three rivers.  \n10.\tRank the planets by size.\t\n", AB, 9),
    Listing("windows line ends", " Name three rivers.\r\n10. Rank the planets by size.\r\n", AB, 9),
    Listing("old mac line ends", " Name three rivers.\r10. Rank the planets by size.\r", AB, 9),
    Listing("repeats the opening number", "9. Name three rivers.\n10. Rank the planets by size.", AB, 9),
    Listing(
        "starts over at 1", "1. Name three rivers.\n2. Rank the planets by size.\n3. Spell the word backwards.", ABC, 9
    ),
    Listing(
        "item, then over at 1",
        " Name three rivers.\n1. Rank the planets by size.\n2. Spell the word backwards.",
        ABC,
        9,
    ),
    Listing(
        "starts over at 1 later on",
        " Name three rivers.\n10. Rank the planets by size.\n1. Spell the word backwards.",
        ABC,
        9,
    ),
    Listing(
        "own list from 1 past 9",
        "Here it goes:\n" + "\n".join(f"{n}. Task {n} of mine" for n in range(1, 12)),
        [f"Task {n} of mine" for n in range(1, 12)],
        9,
    ),
    Listing(
        "a skipped number", " Name three rivers.\n11. Rank the planets by size.\n12. Spell the word backwards.", ABC, 9
    ),
    Listing(
        "one number for all", " Name three rivers.\n9. Rank the planets by size.\n9. Spell the word backwards.", ABC, 9
    ),
    Listing("empty items", " \n10. Name three rivers.\n11.\n12. \n13. Rank the planets by size.", AB, 9),
    Listing("item over two lines", " Name three\nrivers.\n10. Rank the planets by size.", AB, 9),
    Listing(
        "a list in an item",
        " Put in order:\n1. Boil water\n2. Pour tea\n10. Name three rivers.",
        ["Put in order: 1. Boil water 2. Pour tea", "Name three rivers."],
        9,
    ),
    Listing(
        "a list in an item, no colon",
        " Put the steps in order\n1. Boil water\n2. Pour tea\n10. Name three rivers.",
        ["Put the steps in order 1. Boil water 2. Pour tea", "Name three rivers."],
        9,
    ),
    Listing(
        "a year at a line start",
        " Describe the war that ended in\n1945. Give dates.\n10. Name three rivers.",
        ["Describe the war that ended in 1945. Give dates.", "Name three rivers."],
        9,
    ),
    Listing(
        "a decimal at a line start",
        " Add 3.5 and\n3.5 pears.\n10. Name three rivers.",
        ["Add 3.5 and 3.5 pears.", "Name three rivers."],
        9,
    ),
    Listing(
        "a sum at a line start",
        " Work this out\n12 - 5 + 3\n10. Name three rivers.",
        ["Work this out 12 - 5 + 3", "Name three rivers."],
        9,
    ),
    Listing(
        "its power and its blanks",
        " Compute 2**10 by hand.\n10. Fill the gap: the __ sat on the mat.\n11. Fill: The ___ ran.",
        ["Compute 2**10 by hand.", "Fill the gap: the __ sat on the mat.", "Fill: The ___ ran."],
        9,
    ),
    Listing(
        "the prompt's head again",
        " Name three rivers.\n10. Rank the planets by size.\n11. Below is a series of varied tasks:\n1. Spell the word backwards.",
        ABC,
        9,
    ),
    Listing(
        "answers along with tasks",
        " Name three rivers.\nOutput: Rhine, Nile, Po\n10. Rank the planets by size.\nOutput: ...",
        AB,
        9,
    ),
    Listing(
        "says that there is no input",
        " Name three rivers.\nInput: None\n10. Rank the planets by size.\nInput: <noinput>",
        AB,
        9,
    ),
    Listing(
        "tells its own preamble",
        "Sure! Here are the next tasks:\n\n9. Name three rivers.\n10. Rank the planets by size.",
        AB,
        9,
    ),
    Listing(
        "an end token and a new document",
        " Name three rivers.\n10. Rank the planets by size.<|endoftext|>Q: What is it?\n11. Nothing.",
        AB,
        9,
    ),
    Listing("Chinese", " 写一首关于秋天的诗。\n10. 列出三种水果。", ["写一首关于秋天的诗。", "列出三种水果。"], 9),
    Listing("nothing", "", [], 9),
    Listing("blanks", " \n \n", [], 9),
    Listing("a bare number", "10.", [], 9),
    Listing(
        "cut in an item",
        " Name three rivers.\n10. Rank the planets by size.\n11. Spell the",
        [*AB, "Spell the"],
        9,
        True,
        True,
    ),
    Listing("cut after a number", " Name three rivers.\n10. Rank the planets by size.\n11.", AB, 9, True),
]

CHAT = [
    Listing("as asked", "9. Name three rivers.\n10. Rank the planets by size.\n11. Spell the word backwards.", ABC),
    Listing(
        "preamble and farewell",
        "Sure! Here are 8 new tasks:\n\n9. Name three rivers.\n10. Rank the planets by size.\n\nLet me know if you want more tasks!",
        AB,
    ),
    Listing(
        "preamble without a colon",
        "Of course, here they are.\n\n9. Name three rivers.\n10. Rank the planets by size.",
        AB,
    ),
    Listing(
        "farewell on the next line", "9. Name three rivers.\n10. Rank the planets by size.\nI hope these help!", AB
    ),
    Listing(
        "a note at the end", "9. Name three rivers.\n10. Rank the planets by size.\n\n(Note: all of these are new.)", AB
    ),
    Listing("starts at 1", "Here are eight tasks:\n1. Name three rivers.\n2. Rank the planets by size.", AB),
    Listing("bullets", "- Name three rivers.\n- Rank the planets by size.", AB),
    Listing("round bullets", "• Name three rivers.\n• Rank the planets by size.", AB),
    Listing("stars", "Here you go:\n\n* Name three rivers.\n* Rank the planets by size.\n\nEnjoy!", AB),
    Listing("no markers", "Name three rivers.\nRank the planets by size.\nSpell the word backwards.", ABC),
    Listing(
        "no markers, but words around",
        "Sure, here are some tasks\n\nName three rivers.\nRank the planets by size.\n\nLet me know if you need more!",
        AB,
    ),
    Listing("bold numbers", "**9.** Name three rivers.\n**10.** Rank the planets by size.", AB),
    Listing("bold items", "9. **Name three rivers.**\n10. **Rank the planets by size.**", AB),
    Listing(
        "bold titles",
        "9. **Rivers**: Name three.\n10. **Planets:** Rank them by size.",
        ["Rivers: Name three.", "Planets: Rank them by size."],
    ),
    Listing(
        "bold number and title",
        "**9. Rivers:** Name three.\n**10. Planets**: Rank them by size.",
        ["Rivers: Name three.", "Planets: Rank them by size."],
    ),
    Listing(
        "italics and quotes",
        '9. *Name three rivers.*\n10. "Rank the planets by size."\n11. “Spell the word backwards.”',
        ABC,
    ),
    Listing(
        "a quotation inside stays",
        '9. Explain "carpe diem" and "memento mori".\n10. "Red" or "blue"',
        ['Explain "carpe diem" and "memento mori".', '"Red" or "blue"'],
    ),
    Listing("Task 9:", "Task 9: Name three rivers.\nTask 10: Rank the planets by size.", AB),
    Listing("bold Task 9:", "**Task 9:** Name three rivers.\n\n**Task 10:** Rank the planets by size.", AB),
    Listing("Instruction 9.", "Instruction 9. Name three rivers.\nInstruction 10. Rank the planets by size.", AB),
    Listing("headings", "### Task 9\nName three rivers.\n\n### Task 10\nRank the planets by size.", AB),
    Listing("headings with colon", "## Task 9: Name three rivers.\n\n## Task 10: Rank the planets by size.", AB),
    Listing("headings with numbers", "### 9. Name three rivers.\n### 10. Rank the planets by size.", AB),
    Listing("round brackets", "(9) Name three rivers.\n(10) Rank the planets by size.", AB),
    Listing("square brackets", "[9] Name three rivers.\n[10] Rank the planets by size.", AB),
    Listing("dashes after numbers", "9 - Name three rivers.\n10 - Rank the planets by size.", AB),
    Listing("escaped dots", "9\\. Name three rivers.\n10\\. Rank the planets by size.", AB),
    Listing("keycaps", "1\ufe0f\u20e3 Name three rivers.\n2\ufe0f\u20e3 Rank the planets by size.", AB),
    Listing("block quotes", "> 9. Name three rivers.\n> 10. Rank the planets by size.", AB),
    Listing("in a fence", "```\n9. Name three rivers.\n10. Rank the planets by size.\n```", AB),
    Listing(
        "in a named fence, with words",
        "Here are the tasks:\n```markdown\n9. Name three rivers.\n10. Rank the planets by size.\n```\nHope this helps!",
        AB,
    ),
    Listing(
        "a fence in an item",
        "9. Explain this code:\n```python\nx = 1\n```\n10. Name three rivers.",
        ["Explain this code: x = 1", "Name three rivers."],
    ),
    Listing("rulers between", "9. Name three rivers.\n---\n10. Rank the planets by size.\n***", AB),
    Listing(
        "sections with one count",
        "**Nature**\n9. Name three rivers.\n10. Rank the planets by size.\n\n**Words:**\n11. Spell the word backwards.",
        ABC,
    ),
    Listing(
        "sections that count anew",
        "**Nature:**\n1. Name three rivers.\n2. Rank the planets by size.\n\n**Words:**\n1. Spell the word backwards.",
        ABC,
    ),
    Listing(
        "bullets deeper in an item",
        "9. Sort these:\n   - pear\n   - apple\n10. Name three rivers.",
        ["Sort these: - pear - apple", "Name three rivers."],
    ),
    Listing(
        "numbers deeper in an item",
        "1. Sort these:\n   1. pear\n   2. apple\n   3. fig\n2. Name three rivers.",
        ["Sort these: 1. pear 2. apple 3. fig", "Name three rivers."],
    ),
    Listing(
        "bullets in bullets",
        "- Sort these:\n  - pear\n  - apple\n- Name three rivers.",
        ["Sort these: - pear - apple", "Name three rivers."],
    ),
    Listing(
        "thoughts first",
        "<think>\nI need tasks.\n1. rivers?\n2. planets?\n</think>\n\n9. Name three rivers.\n10. Rank the planets by size.",
        AB,
    ),
    Listing(
        "thoughts that began in the prompt",
        "I need tasks.\n1. rivers?\n</think>\n9. Name three rivers.\n10. Rank the planets by size.",
        AB,
    ),
    Listing("nothing but thoughts", "<think>\n1. Maybe rivers, maybe planets", [], None),
    Listing("an end token", "9. Name three rivers.\n10. Rank the planets by size.<|im_end|>", AB),
    Listing(
        "Chinese enumeration", "9、写一首关于秋天的诗。\n10、列出三种水果。", ["写一首关于秋天的诗。", "列出三种水果。"]
    ),
    Listing(
        "full-width digits",
        "９．写一首关于秋天的诗。\n１０．列出三种水果。",
        ["写一首关于秋天的诗。", "列出三种水果。"],
    ),
    Listing(
        "Korean",
        "9. 가을에 대한 시를 쓰세요.\n10. 과일 세 가지를 나열하세요.",
        ["가을에 대한 시를 쓰세요.", "과일 세 가지를 나열하세요."],
    ),
    Listing(
        "Arabic, its own digits",
        "٩. اكتب قصيدة عن الخريف.\n١٠. اذكر ثلاث فواكه.",
        ["اكتب قصيدة عن الخريف.", "اذكر ثلاث فواكه."],
    ),
    Listing(
        "Arabic, dashes",
        "9- اكتب قصيدة عن الخريف.\n10- اذكر ثلاث فواكه.",
        ["اكتب قصيدة عن الخريف.", "اذكر ثلاث فواكه."],
    ),
    Listing(
        "French, its quotation marks",
        "9. « Écrivez un poème. »\n10. Où est né Molière ?",
        ["Écrivez un poème.", "Où est né Molière ?"],
    ),
    Listing(
        "a refusal is one candidate",
        "I'm sorry, but I can't help with that.",
        ["I'm sorry, but I can't help with that."],
    ),
    Listing("separators only", "---\n\n***\n", []),
]

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
    Answer("the same answer again", "Output: Drink more water.\nOutput: Drink more water.", [("", "Drink more water.")]),
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
    Answer("twice", "Example 1\nInput: a b\nOutput: c d\nExample 2\nInput: a b\nOutput: c d", PAIRS[:1]),
    Answer("cut", "Example 1\nInput: a b\nOutput: c d\nExample 2\nInput: e f\nOutput: g", PAIRS[:1], ("cut off",), cut=True),
    Answer("cut in an input of whole sentences", "Example 1\nText: a b\nOutput: c d\nExample 2\nText: " + "This one is not done. " * 6, [("Text: a b", "c d")], ("cut off",), cut=True),
    Answer("cut answer, too little left", "Output: One sentence. And", [], ("cut off",), cut=True),
    Answer("cut answer", "Output: " + "We walked home together. " * 6 + "Then it", [("", ("We walked home together. " * 6).strip())], cut=True),
    Answer("cut list", "Output: My list of towns:\n" + "".join(f"{n}. A town with a long name\n" for n in range(1, 5)) + "5. A to", [("", "My list of towns:\n" + "\n".join(f"{n}. A town with a long name" for n in range(1, 5)))], cut=True),
    Answer("cut right after a list number", "Output:\n" + "".join(f"{n}. A town with quite a long name\n" for n in range(1, 5)) + "5.", [("", "\n".join(f"{n}. A town with quite a long name" for n in range(1, 5)))], cut=True),
    Answer("cut Chinese answer", "Output: " + "我们一起走回家。" * 5 + "然后", [("", "我们一起走回家。" * 5)], cut=True),
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
]  # fmt: skip
