"""A small checker of written calculations: it finds equations such as `3 x 4 + 2 = 14` in a text and returns the wrong ones.

It reads numbers with money signs, thousands separators, percent signs, mixed fractions and one unit word, the operators + - x *
/ ^ with brackets and precedence, chains of `=`, and `p% of n is m`. It ignores whatever it cannot read for certain (unknown
letters, sums over different units, dates), because a false alarm is worse than a missed error.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

ABOUT = r"about|roughly|around|approximately|approx\.?|nearly|almost"
NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
TOKEN = re.compile(
    rf"""(?P<space>\s+)
    |(?P<mixed>\d+\ \d+/\d+)
    |(?P<number>(?:[$€£]\s?)?(?:{NUMBER})(?:\s?€|\s?%)?)
    |(?P<op>\*\*|[+*×·/÷^−–-]|[xX](?=\s?[\d.($€£]))
    |(?P<power>[²³])
    |(?P<open>\()|(?P<close>\))
    |(?P<word>(?:[^\W\d_]|°)[\w°]*[²³]?)
    |(?P<other>.)""",
    re.VERBOSE,
)
WORDS = {" plus ": " + ", " minus ": " - ", " times ": " x ", " multiplied by ": " x ", " divided by ": " / "}
PART_OF = re.compile(r"(\d/\d+|\d\s?%) of (?=[$€£]?\d)")
UNKNOWN_PART = re.compile(
    r"(?:half|third|thirds|quarter|quarters|percent|per cent|fifth|tenth) of(?: the)?\s[^=A-Za-z]*$"
)
MEASURES = frozenset(
    ["min", "minute", "h", "hour", "second", "day", "week", "month", "year"]
    + ["mm", "cm", "m", "km", "g", "kg", "l", "ml", "litre", "cent", "euro"]
)
EQUALS = re.compile(r"(?<![=<>!+\-*/:≠])=(?![=<>])|≈|\bequals\b")
PERCENT_OF = re.compile(
    rf"({NUMBER})\s?(?:%|percent|per cent) of [$€£]?({NUMBER})(?: \w+)? (?:is|are|=|≈|equals|gives|comes to) "
    rf"((?:{ABOUT}) )?[$€£]?({NUMBER})(?!\s?%|[\d.,]*\d|\s?(?:percent|per cent)\b|\s?[x×*/+^−-]\s?\d)"
)


class NotReadable(Exception):
    """The text is not an expression of numbers that can be evaluated for certain."""


@dataclass(frozen=True)
class Token:
    """One piece of a line.

    Attributes:
        exact: the value of a number.
        decimals: the number of decimals shown, two more for a percentage.
    """

    kind: str
    text: str
    exact: Fraction = Fraction(0)
    decimals: int = 0
    percent: bool = False


@dataclass(frozen=True)
class Side:
    """A readable side of an equation: its value, the way it is written, and the tokens of which it consists."""

    tokens: tuple[Token, ...]
    value: Fraction
    units: frozenset[str]

    @property
    def operators(self) -> frozenset[str]:
        return frozenset(token.text for token in self.tokens if token.kind in ("op", "power"))

    @property
    def text(self) -> str:
        return " ".join(token.text for token in self.tokens)


def number_token(text: str) -> Token:
    percent = text.endswith("%")
    bare = re.sub(r"[$€£%,\s]", "", text)
    decimals = len(bare.partition(".")[2])
    value = Fraction(bare if not bare.startswith(".") else "0" + bare)
    return Token("number", text, value / 100 if percent else value, decimals + 2 * percent, percent)


def tokens_of(line: str) -> list[Token]:
    found: list[Token] = []
    for match in TOKEN.finditer(line):
        kind, text = str(match.lastgroup), match.group()
        if kind == "space":
            continue
        if kind == "number":
            found.append(number_token(text))
        elif kind == "mixed":
            whole, _, part = text.partition(" ")
            found.append(Token("number", text, int(whole) + Fraction(part), 9))
        elif kind == "word" and found and found[-1].kind in ("number", "power") and text.lower() not in ("x", "r"):
            found.append(Token("unit", text))
        else:
            found.append(Token(kind, text))
    return found


class _Parser:
    """A recursive descent parser for + and - (lowest precedence), * and /, ^, and brackets; it skips unit words."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.tokens, self.at, self.units = tokens, 0, set[str]()

    def peek(self) -> str:
        if self.at >= len(self.tokens):
            return ""
        token = self.tokens[self.at]
        return {"×": "*", "·": "*", "x": "*", "X": "*", "÷": "/", "−": "-", "–": "-", "**": "^"}.get(
            token.text, token.text if token.kind in ("op", "open", "close", "power") else token.kind
        )

    def take(self) -> Token:
        if self.at >= len(self.tokens):
            raise NotReadable("the expression ends early")
        self.at += 1
        return self.tokens[self.at - 1]

    def sum(self) -> Fraction:
        negative = self.peek() == "-"
        if negative:
            self.take()
        value = -self.product() if negative else self.product()
        while self.peek() in ("+", "-"):
            value = value + self.product() if self.take().text == "+" else value - self.product()
        return value

    def product(self) -> Fraction:
        value = self.power()
        while self.peek() in ("*", "/"):
            if self.peek() == "*":
                self.take()
                value *= self.power()
            else:
                self.take()
                divisor = self.power()
                if not divisor:
                    raise NotReadable("division by zero")
                value /= divisor
        return value

    def power(self) -> Fraction:
        base = self.atom()
        if self.peek() in ("²", "³"):
            base **= 2 if self.take().text == "²" else 3
        elif self.peek() == "^":
            self.take()
            exponent = self.atom()
            if exponent.denominator != 1 or abs(exponent) > 40:
                raise NotReadable("no plain power")
            base **= int(exponent)
        self.skip_unit()
        return base

    def atom(self) -> Fraction:
        token = self.take()
        if token.kind == "number":
            self.skip_unit()
            return token.exact
        if token.kind == "open":
            value = self.sum()
            if self.take().kind != "close":
                raise NotReadable("a bracket is not closed")
            return value
        raise NotReadable(f"{token.text!r} is no number")

    def skip_unit(self) -> None:
        if self.peek() == "unit":
            self.units.add(self.take().text.lower().rstrip("s"))


def read_side(tokens: list[Token]) -> Side:
    parser = _Parser(tuple(tokens))
    value = parser.sum()
    if parser.at != len(tokens):
        raise NotReadable("something is left over")
    return Side(tuple(tokens), value, frozenset(parser.units))


def _operand_ends(token: Token) -> bool:
    return token.kind in ("number", "unit", "close", "power")


def left_side(segment: str) -> Side:
    """Return the longest readable expression at the end of `segment`. Raises NotReadable if an operand is unknown."""
    tokens = tokens_of(re.sub(r"^\s*[-*•–]\s+", "", segment))
    start = len(tokens)
    while start > 0 and tokens[start - 1].kind in ("number", "op", "power", "open", "close", "unit"):
        start -= 1
        opens = tokens[start].kind in ("number", "open")
        if opens and start > 0 and _operand_ends(tokens[start - 1]):
            break  # two operands stand side by side, as in "in 3 weeks 4 x 5"
    run = tokens[start:]
    while run and run[0].kind == "open" and sum((t.kind == "open") - (t.kind == "close") for t in run) > 0:
        run = run[1:]  # "(3 + 4 = 7)": the bracket belongs to the sentence
    if UNKNOWN_PART.search(segment) or (run and start > 0 and run[0].kind == "op"):
        raise NotReadable("the first operand is unknown")
    if re.search(r"\d:\d\d|\d{4}-\d\d-\d\d|[A-Za-z]\(", segment):
        raise NotReadable("a clock time, a date or a function")
    return read_side(run)


def right_side(segment: str) -> tuple[Side, bool]:
    """Return the longest readable expression at the start of `segment`, and whether a word such as "about" precedes it.

    Raises:
        NotReadable: the expression is a clock time, a ratio or a division with remainder, or cannot be evaluated.
    """
    about = re.match(rf"\s*(?:{ABOUT})\s", segment)
    tokens = tokens_of(segment[about.end() :] if about else segment)
    end = 0
    while end < len(tokens) and tokens[end].kind in ("number", "op", "power", "open", "close", "unit"):
        if end and tokens[end].kind in ("number", "open") and _operand_ends(tokens[end - 1]):
            break
        if tokens[end].kind == "close" and not any(token.kind == "open" for token in tokens[:end]):
            break
        end += 1
    following = tokens[end] if end < len(tokens) else None
    run = tokens[:end]
    while run and not _operand_ends(run[-1]):
        run.pop()
    tail = following.text.lower() if following and len(run) == end else ""
    if tail in (":", "remainder", "r") or (run and run[-1].text.lower() in ("remainder", "r", "rest")):
        raise NotReadable("a clock time, a ratio or a division with remainder")
    return read_side(run), bool(about)


def agrees(left: Side, right: Side, about: bool) -> bool:
    """Return whether the two sides are equal within the rounding that the decimals of the right side show."""
    numbers = [token for token in right.tokens if token.kind == "number"]
    decimals, percent = max(number.decimals for number in numbers), any(number.percent for number in numbers)
    candidates = [left.value]
    if percent and not any(token.percent for token in left.tokens):
        candidates.append(left.value / 100)  # "(60 - 45) / 60 x 100 = 25%"
    rounded = decimals > 2 * percent  # a whole number or a whole percentage must be exact
    tolerance = Fraction(1, 2 * 10**decimals) if rounded else Fraction(0)
    if about:
        tolerance = max(tolerance, Fraction(1, 10**decimals), abs(right.value) / 20)
    return any(abs(value - right.value) <= tolerance + Fraction(1, 10**9) for value in candidates)


def readable_equations(text: str) -> list[tuple[str, bool]]:
    """Return every equation in `text` that can be evaluated, with whether it is right."""
    found: list[tuple[str, bool]] = []
    for line in text.split("\n"):
        for words, symbol in WORDS.items():
            line = line.replace(words, symbol)
        line = re.sub(r"(?<=\d)\((?=[\d-])", " x (", line)  # 4 - 2(3 - 5)
        for match in PERCENT_OF.finditer(line):
            share, whole, about, result = match.groups()
            value = number_token(share).exact / 100 * number_token(whole).exact
            side = Side((number_token(result),), number_token(result).exact, frozenset())
            left = Side((number_token(share), number_token(whole)), value, frozenset())
            found.append((match.group(), agrees(left, side, bool(about) or "≈" in match.group())))
        line = PART_OF.sub(r"\1 x ", PERCENT_OF.sub(lambda match: "; " + match.group(4), line))
        signs = list(EQUALS.finditer(line))
        edges = [0, *[sign.end() for sign in signs]]
        for place, sign in enumerate(signs):
            next_sign = signs[place + 1].start() if place + 1 < len(signs) else len(line)
            before, after = line[edges[place] : sign.start()], line[sign.end() : next_sign]
            try:
                left, (right, about) = left_side(before), right_side(after)
            except NotReadable:
                continue
            if not left.operators and not right.operators:
                continue
            if _units_differ(left, right):
                continue
            about = about or sign.group() == "≈" or before.rstrip().endswith("≈")
            found.append((f"{left.text} = {right.text}", agrees(left, right, about)))
    return found


def _units_differ(left: Side, right: Side) -> bool:
    """Return whether the sides have different units, as in "2 h + 30 min = 150 min", which the checker ignores."""
    if left.operators | right.operators <= set("+-−–") and len(left.units | right.units) > 1:
        return True
    one_each = len(left.units) == len(right.units) == 1 and left.units | right.units <= MEASURES
    return one_each and left.units != right.units


def wrong_equations(text: str) -> list[str]:
    return [equation for equation, right in readable_equations(text) if not right]
