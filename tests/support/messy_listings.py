"""Lists of new tasks as chat and base models write them. All texts were written for these tests."""

from typing import NamedTuple


class Listing(NamedTuple):
    """A reply to "write new tasks".

    Attributes:
        opened: the number with which the prompt ended; None in a chat.
        cut: whether the reply reached max_tokens.
        flawed: whether it also lost the end of its last candidate.
    """

    name: str
    reply: str
    read: list[str]
    opened: int | None = None
    cut: bool = False
    flawed: bool = False


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
    Listing("separators only", "---\n\n***\n", []),
    Listing(
        "a longer section that counts anew",
        "**Nature**\n1. Name three rivers.\n2. Rank the planets by size.\n\n**Other**\n1. Spell the word backwards.\n2. Add five and six.\n3. Praise the moon.",
        [*ABC, "Add five and six.", "Praise the moon."],
    ),
    Listing(
        "chatter-like tasks stay",
        "9. Let me know how old the moon is.\n10. If you like, name three rivers.",
        ["Let me know how old the moon is.", "If you like, name three rivers."],
    ),
    Listing(
        "chatter-like lines stay but for the last",
        "Let me know how old the moon is.\nName three rivers.\nLet me know if you need more tasks.",
        ["Let me know how old the moon is.", "Name three rivers."],
    ),
    Listing(
        "a name in underscores",
        "9. Say what __init__ does.\n10. Fill in: __ and ____.",
        ["Say what __init__ does.", "Fill in: __ and ____."],
    ),
]
