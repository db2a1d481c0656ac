"""A corpus of small files as people have them: every container, shape and fault, each with the tasks that it holds."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Task = tuple[str, str, str | None]  # instruction, input, output

FRUIT: Task = ("Name a fruit.", "", "Apple")
SKY: Task = ("Name the colour of what is given.", "sky", "blue")
GRASS: Task = ("Name the colour of what is given.", "grass", "green")
TASKS = (FRUIT, SKY)


@dataclass(frozen=True, slots=True)
class SmallFile:
    """A file of the corpus.

    Attributes:
        name: its name; the folder of a set has none of its own files here.
        content: its bytes.
        tasks: instruction, input and output of each row that holds one, in order; None where the file is refused.
        bad: number of rows that no command can use.
        make: writes it where it is more than bytes.
    """

    name: str
    content: bytes = b""
    tasks: tuple[Task, ...] | None = TASKS
    bad: int = 0
    make: Callable[[Path], object] | None = None

    def write(self, folder: Path) -> Path:
        """Write it into a folder."""
        path = folder / self.name
        if self.make is not None:
            self.make(path)
        else:
            path.write_bytes(self.content)
        return path


def alpaca(*tasks: Task) -> list[dict[str, Any]]:
    return [{"instruction": text, "input": given, "output": output} for text, given, output in tasks]


def lines(*rows: object, **options: Any) -> bytes:
    return b"".join(json.dumps(row, **options).encode() + b"\n" for row in rows)


def chat(text: str, given: str, output: str | None, role: str = "role", content: str = "content", user: str = "user",
         assistant: str = "assistant") -> list[dict[str, Any]]:  # fmt: skip
    asked = f"{text}\n\n{given}" if given else text
    return [{role: user, content: asked}, {role: assistant, content: output}]


def of_chats(*tasks: Task) -> tuple[Task, ...]:
    """What chats of tasks hold: the input is a part of the message."""
    return tuple((f"{text}\n\n{given}" if given else text, "", output) for text, given, output in tasks)


def table(
    *tasks: Task, names: tuple[str, str, str] = ("instruction", "input", "output"), by: str = ",", end: str = "\n"
) -> str:
    quoted = [names, *((text, given, output or "") for text, given, output in tasks)]
    return "".join(by.join('"' + cell.replace('"', '""') + '"' for cell in row) + end for row in quoted)


def _container(container: str, *tasks: Task) -> Callable[[Path], object]:
    def make(path: Path) -> object:
        from bootstruct.io.writers import FileForm, write_rows

        return write_rows(path, alpaca(*tasks), FileForm(container))

    return make


def _splits(path: Path) -> None:
    for name in ("train", "test"):
        _container("dataset", *TASKS)(path / name)
    (path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')


def _zstd(content: bytes) -> Callable[[Path], object]:
    def make(path: Path) -> object:
        from bootstruct.io.optional import require_zstd

        return path.write_bytes(require_zstd("The corpus", "leave it out").compress(content))

    return make


ROWS = alpaca(*TASKS)
JSONL = lines(*ROWS)
CHATS = of_chats(*TASKS)
AFTER = "Translate: élan vital"


def containers() -> Iterator[SmallFile]:
    """The same two tasks in every container."""
    yield SmallFile("lines.jsonl", JSONL)
    yield SmallFile("lines_named.json", JSONL)
    yield SmallFile("lines_without_ending", JSONL)
    yield SmallFile("no_last_newline.jsonl", JSONL[:-1])
    yield SmallFile("crlf.jsonl", JSONL.replace(b"\n", b"\r\n"))
    yield SmallFile("bom.jsonl", b"\xef\xbb\xbf" + JSONL)
    yield SmallFile("blank_lines.jsonl", b"\n" + JSONL.replace(b"\n", b"\n \n\n"))
    yield SmallFile("utf16.jsonl", JSONL.decode().encode("utf-16"))
    yield SmallFile("utf16be.json", b"\xfe\xff" + json.dumps(ROWS).encode("utf-16-be"))
    yield SmallFile("utf32.jsonl", JSONL.decode().encode("utf-32"))
    yield SmallFile("list.json", json.dumps(ROWS).encode())
    yield SmallFile("list_indented.json", json.dumps(ROWS, indent=2).encode())
    yield SmallFile("list_named.jsonl", json.dumps(ROWS).encode())
    yield SmallFile("two_lists.json", b"".join(json.dumps([row]).encode() + b"\n" for row in ROWS))
    yield SmallFile("objects_indented.json", b"\n".join(json.dumps(row, indent=2).encode() for row in ROWS))
    yield SmallFile("one_object.json", json.dumps(ROWS[0], indent=2).encode(), (FRUIT,))
    yield SmallFile("columns.json", json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}).encode())
    yield SmallFile(
        "pandas_index.json",
        json.dumps({name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in ROWS[0]}).encode(),
    )
    split = {"columns": list(ROWS[0]), "index": [0, 1], "data": [list(row.values()) for row in ROWS]}
    yield SmallFile("pandas_split.json", json.dumps(split).encode())
    yield SmallFile("wrapped.json", json.dumps({"version": "1", "data": ROWS}).encode())
    yield SmallFile("wrapped_indented.json", json.dumps({"version": "1", "rows": ROWS}, indent=1).encode())
    yield SmallFile("comma.csv", table(*TASKS).encode())
    yield SmallFile("semicolon.csv", table(*TASKS, by=";").encode())
    yield SmallFile("tab.tsv", table(*TASKS, by="\t").encode())
    yield SmallFile("bars.txt", table(*TASKS, by="|").encode())
    yield SmallFile("table_without_ending", table(*TASKS).encode())
    yield SmallFile("crlf_bom.csv", b"\xef\xbb\xbf" + table(*TASKS, end="\r\n").encode())
    yield SmallFile("utf16.csv", table(*TASKS, by="\t").encode("utf-16"))
    yield SmallFile("capitals.csv", table(*TASKS, names=("Instruction", "Input", "Output")).encode())
    poem: Task = ("Write a poem, please.", "", 'Roses are "red",\n=1+1')
    yield SmallFile("quoted.csv", table(poem).encode(), (poem,))
    yield SmallFile("empty_last_columns.csv", b"instruction,output\nName a fruit.,Apple,,\n", (FRUIT,))
    yield SmallFile("packed.jsonl.gz", gzip.compress(JSONL))
    yield SmallFile("packed_named.jsonl", gzip.compress(JSONL))
    yield SmallFile("packed.csv.gz", gzip.compress(table(*TASKS).encode()))
    yield SmallFile("packed.jsonl.zst", make=_zstd(JSONL))
    yield SmallFile("packed.csv.zst", make=_zstd(table(*TASKS).encode()))
    for container in ("parquet", "arrow"):
        yield SmallFile(f"file.{container}", make=_container(container, *TASKS))
    yield SmallFile("parquet_without_ending", make=_container("parquet", *TASKS))
    yield SmallFile("saved_to_disk", make=_container("dataset", *TASKS))
    yield SmallFile("saved_splits", tasks=None, make=_splits)
    yield SmallFile(
        "plain.txt", b"Name a fruit.\nName a tree.\n", (("Name a fruit.", "", None), ("Name a tree.", "", None))
    )
    numbered = b"1. Name a fruit.\n2) Name a tree.\n- Sing.\n"
    yield SmallFile(
        "numbered.txt", numbered, tuple((text, "", None) for text in ("Name a fruit.", "Name a tree.", "Sing."))
    )
    yield SmallFile("named_rows.json", json.dumps({"a": ROWS[0], "b": ROWS[1]}).encode())
    yield SmallFile("blank_cells.csv", b"instruction,output\nName a fruit.,Apple\n,\n", (FRUIT,))
    yield SmallFile("brackets.txt", b"[easy] Name a fruit.\n", (("[easy] Name a fruit.", "", None),))
    yield SmallFile(
        "texts.json", b'["Name a fruit.", "Name a tree."]', (("Name a fruit.", "", None), ("Name a tree.", "", None))
    )


def shapes() -> Iterator[SmallFile]:
    """The same two tasks in every shape."""
    tasks = [{"instruction": t, "instances": [{"input": g, "output": o}]} for t, g, o in TASKS]
    yield SmallFile("tasks.jsonl", lines(*tasks))
    yield SmallFile("two_instances.jsonl", lines(*alpaca(SKY, GRASS)), (SKY, GRASS))
    yield SmallFile("alpaca_text.jsonl", lines(*(row | {"text": "Below is ..."} for row in ROWS)))
    yield SmallFile(
        "noinput.jsonl", lines({"instruction": FRUIT[0], "input": "<noinput>", "output": "Apple"}), (FRUIT,)
    )
    yield SmallFile("metadata.jsonl", lines(*(row | {"metadata": {"source": "x"}} for row in ROWS)))
    yield SmallFile("extra_columns.jsonl", lines(*(row | {"tags": ["x"], "score": 0.5, "items": [1]} for row in ROWS)))
    yield SmallFile("system.jsonl", lines(*(row | {"system": "Be brief."} for row in ROWS)))
    yield SmallFile("history.jsonl", lines(ROWS[0] | {"history": [["Hello", "Hi"]]}), (FRUIT,))
    yield SmallFile(
        "dolly.jsonl", lines(*({"instruction": t, "context": g, "response": o, "category": "qa"} for t, g, o in TASKS))
    )
    yield SmallFile("prompt_completion.jsonl", lines(*({"prompt": t, "completion": o} for t, _, o in TASKS)),
                    tuple((t, "", o) for t, _, o in TASKS))  # fmt: skip
    yield SmallFile("prompt_response.jsonl", lines(*({"prompt": t, "response": o} for t, _, o in TASKS)),
                    tuple((t, "", o) for t, _, o in TASKS))  # fmt: skip
    yield SmallFile("question_answer.jsonl", lines(*({"question": t, "context": g, "answer": o} for t, g, o in TASKS)))
    yield SmallFile("query_response.jsonl", lines(*({"query": t, "response": o} for t, _, o in TASKS)),
                    tuple((t, "", o) for t, _, o in TASKS))  # fmt: skip
    yield SmallFile(
        "problem_solution.jsonl", lines({"problem": "What is 2 + 2?", "solution": "4"}), (("What is 2 + 2?", "", "4"),)
    )
    yield SmallFile("input_output.jsonl", lines({"input": "Name a fruit.", "output": "Apple"}), (FRUIT,))
    yield SmallFile("inputs_targets.jsonl", lines({"inputs": "Name a fruit.", "targets": "Apple"}), (FRUIT,))
    yield SmallFile("messages.jsonl", lines(*({"messages": chat(*task)} for task in TASKS)), CHATS)
    with_system = [{"role": "system", "content": "Be brief."}, *chat(*FRUIT)]
    yield SmallFile("system_message.jsonl", lines({"messages": with_system}), (FRUIT,))
    parts = [{"role": "user", "content": [{"type": "text", "text": "Name a "}, {"type": "text", "text": "fruit."}]}]
    yield SmallFile("parts.jsonl", lines({"messages": [*parts, chat(*FRUIT)[1]]}), (FRUIT,))
    yield SmallFile(
        "several_turns.jsonl", lines({"messages": [*chat(*FRUIT), *chat("Another.", "", "Pear")]}), (FRUIT,)
    )
    yield SmallFile("exported_chats.jsonl", lines(
        {"id": "0.1/0", "task": "0.1", "messages": chat(*SKY)}, {"id": "0.1/1", "task": "0.1", "messages": chat(*GRASS)}
    ), of_chats(SKY, GRASS))  # fmt: skip
    yield SmallFile(
        "prompt_messages.jsonl", lines({"prompt": chat(*FRUIT)[:1], "completion": chat(*FRUIT)[1:]}), (FRUIT,)
    )
    dialect = {"role": "from", "content": "value", "user": "human", "assistant": "gpt"}
    yield SmallFile(
        "sharegpt.json", json.dumps([{"id": "a", "conversations": chat(*FRUIT, **dialect)}]).encode(), (FRUIT,)
    )
    yield SmallFile(
        "sharegpt_items.json", json.dumps([{"id": "a", "items": chat(*FRUIT, **dialect)}]).encode(), (FRUIT,)
    )
    yield SmallFile(
        "sharegpt_roles.jsonl", lines({"conversations": chat(*FRUIT, user="USER", assistant="ASSISTANT")}), (FRUIT,)
    )
    yield SmallFile(
        "conversation_pairs.jsonl",
        lines({"conversation": [{"human": "Name a fruit.", "assistant": "Apple"}]}),
        (FRUIT,),
    )
    yield SmallFile(
        "capybara.jsonl",
        lines({"source": "x", "conversation": [{"input": "Name a fruit.", "output": "Apple"}]}),
        (FRUIT,),
    )
    yield SmallFile("lima.jsonl", lines({"conversations": ["Name a fruit.", "Apple"], "source": "x"}), (FRUIT,))
    yield SmallFile(
        "instructlab.jsonl", lines({"system": "s", "user": "Name a fruit.", "assistant": "Apple"}), (FRUIT,)
    )
    yield SmallFile(
        "numbers.jsonl", lines({"instruction": "What is 2 + 2?", "output": 4}), (("What is 2 + 2?", "", "4"),)
    )
    yield SmallFile("list_output.jsonl", lines({"instruction": FRUIT[0], "output": ["Apple", "Pear"]}), (FRUIT,))
    yield SmallFile("text.jsonl", lines({"text": "Name a fruit."}), (("Name a fruit.", "", None),))
    yield SmallFile(
        "booleans.jsonl", lines({"instruction": FRUIT[0], "output": "Apple", "is_classification": "Yes"}), (FRUIT,)
    )
    yield SmallFile(
        "predictions.jsonl",
        lines({"id": "a", "instruction": FRUIT[0], "response": "Apple", "target": "Apple"}),
        (FRUIT,),
    )


def column_twice(path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = [pyarrow.array([text]) for text in (FRUIT[0], "Apple", "Pear")]
    table = pyarrow.Table.from_arrays(columns, names=["instruction", "output", "output"])
    pyarrow.parquet.write_table(table, path)


def ratings() -> Iterator[SmallFile]:
    """Answers that people have rated, which only `evaluate agree` and `evaluate compare` read."""
    rows = [{"model": "m", "task": task, "rater": "anna", "level": level} for task, level in (("a", "A"), ("b", "C"))]
    yield SmallFile("ratings.jsonl", lines(*rows), None)
    yield SmallFile("ratings_replaced.jsonl", lines(*rows, rows[0] | {"level": "B"}, rows[1] | {"level": None}), None)


def faults() -> Iterator[SmallFile]:
    """Rows that are broken, rows that lack something, and files that hold no rows."""
    good = lines(ROWS[0])
    yield SmallFile("one_line_broken.jsonl", good + b'{"instruction": "Name\n' + lines(ROWS[1]), bad=1)
    yield SmallFile("trailing_comma.jsonl", good + b'{"instruction": "x", "output": "y"},\n', (FRUIT,), bad=1)
    yield SmallFile("cut_last_line.jsonl", JSONL[:-20], (FRUIT,), bad=1)
    yield SmallFile("not_objects.jsonl", good + b"[1, 2]\n17\nnull\n", (FRUIT,), bad=3)
    yield SmallFile("no_instruction.jsonl", good + lines({"output": "y"}), (FRUIT,), bad=1)
    yield SmallFile("blank_instruction.jsonl", good + lines({"instruction": " ", "output": "y"}), (FRUIT,), bad=1)
    yield SmallFile("null_output.jsonl", lines(ROWS[0], {"instruction": "Say nothing.", "output": None}),
                    (FRUIT, ("Say nothing.", "", None)))  # fmt: skip
    yield SmallFile("nan.jsonl", b'{"instruction": "Name a fruit.", "input": NaN, "output": "Apple"}\n', (FRUIT,))
    yield SmallFile("object_output.jsonl", good + lines({"instruction": "x", "output": {"a": 1}}), (FRUIT,), bad=1)
    yield SmallFile(
        "ambiguous.jsonl", good + lines({"instruction": "x", "output": "a", "response": "b"}), (FRUIT,), bad=1
    )
    yield SmallFile(
        "field_twice.jsonl", good + b'{"instruction": "Name a tree.", "instruction": "Name a bird.", "output": "Oak"}\n',
        (FRUIT,), bad=1,
    )  # fmt: skip
    yield SmallFile(
        "field_twice.json",
        b"[" + good + b',{"instruction" :"x","output" :"y","meta":{"a":1, "a"\n:2}}]',
        (FRUIT,),
        bad=1,
    )
    yield SmallFile("field_twice_the_same.jsonl", b'{"output": "Apple", ' + good[1:], (FRUIT,))
    yield SmallFile("ragged.csv", b"instruction,output\nName a fruit.,Apple\nName a tree\n", (FRUIT,), bad=1)
    yield SmallFile("unclosed_quote.csv", b'instruction,output\n"Name a fruit.,Apple\n', None)
    yield SmallFile("head_twice.csv", b"instruction,output,output\na,b,c\n", None)
    yield SmallFile("column_twice.parquet", tasks=None, make=column_twice)
    yield SmallFile("unknown_columns.csv", b"title,body\na,b\n", None)
    yield SmallFile("unknown_fields.jsonl", lines({"title": "a", "body": "b"}), None)
    yield SmallFile(
        "half_character.jsonl", good + b'{"instruction": "happy \\ud83d", "output": "x"}\n', (FRUIT,), bad=1
    )
    yield SmallFile(
        "latin1.jsonl",
        lines({"instruction": AFTER, "output": "x"}, ensure_ascii=False).decode().encode("latin-1"),
        None,
    )
    yield SmallFile("latin1.csv", f"instruction,output\n{AFTER},x\n".encode("latin-1"), None)
    yield SmallFile("utf16_without_mark.jsonl", JSONL.decode().encode("utf-16-le"), None)
    yield SmallFile("empty.jsonl", b"", None)
    yield SmallFile("only_blanks.jsonl", b"\n \n", None)
    yield SmallFile("empty_list.json", b"[]", None)
    yield SmallFile("head_only.csv", b"instruction,output\n", None)
    yield SmallFile("cut_list.json", json.dumps(ROWS).encode()[:-5], None)
    yield SmallFile("damaged.jsonl.gz", gzip.compress(JSONL * 50)[:-30], None)
    yield SmallFile("packed_twice.jsonl.gz", gzip.compress(gzip.compress(JSONL)), None)
    yield SmallFile("old_mac.csv", b"instruction,output\rName a fruit.,Apple\r", None)
    yield SmallFile(
        "koi8.csv",
        "instruction,output\n\u041d\u0430\u0437\u043e\u0432\u0438 \u0444\u0440\u0443\u043a\u0442,x\n".encode("koi8-r"),
        None,
    )
    yield SmallFile("page.html", b"<!DOCTYPE html><html><body>404</body></html>", None)
    yield SmallFile("seeds.yaml", b"- instruction: Name a fruit.\n  output: Apple\n", None)
    yield SmallFile("sheet.xlsx", b"PK\x03\x04" + bytes(50), None)
    yield SmallFile("pointer.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", None)
    yield SmallFile("pickle.pkl", b"\x80\x04\x95\x00", None)
    yield SmallFile("binary.bin", bytes(range(256)) * 4, None)
    yield SmallFile("not_parquet.parquet", b"PAR1 and nothing more", None)


CORPUS = (*containers(), *shapes(), *ratings(), *faults())
