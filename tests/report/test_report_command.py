"""The report command and what it says of bad input."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from report_runs import events, recipe, seeds, write_journal
from test_page import data_of

from bootstruct.cli.report import report_command
from bootstruct.errors import BadInput, BadJournal
from bootstruct.events import Proposed, Started
from bootstruct.report.build import make_report


class TestBadInput:
    def test_no_such_thing(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="no such file"):
            make_report([tmp_path / "nothing"])

    def test_a_folder_of_something_else(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="neither a run folder"):
            make_report([tmp_path])

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("{", r"data\.jsonl:1: not JSON"),
            ('{"instruction": "a"}\n[1]\n', r"data\.jsonl:2: expected an object"),
            ('{"instruction": "a"}\n{"output": "a"}\n', r"data\.jsonl:2: a row without instruction"),
            ('{"text": "a"}\n', r"data\.jsonl:1: a row with text; expected instruction"),
            ('{"messages": "a"}\n', r"data\.jsonl:1: a row without instruction"),
            ('{"instruction": "a", "instances": 3}\n', r"data\.jsonl:1: expected .instruction. and a list"),
        ],
    )
    def test_files_are_told_by_line(self, tmp_path: Path, content: str, told: str) -> None:
        (tmp_path / "data.jsonl").write_text(content)
        with pytest.raises(BadInput, match=told):
            make_report([tmp_path / "data.jsonl"])

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "data.jsonl").write_bytes(b'{"instruction": "\xff\xfe"}\n')
        with pytest.raises(BadInput, match=r"data\.jsonl:1: not"):
            make_report([tmp_path / "data.jsonl"])

    def test_a_broken_journal_is_told_by_line(self, tmp_path: Path) -> None:
        folder = write_journal(tmp_path / "run", [Started(recipe(), seeds(2)), Proposed(3, (), ())])
        with pytest.raises(BadJournal, match=r"journal\.jsonl:2: "):
            make_report([folder])

    def test_the_source_is_not_written_over(self, tmp_path: Path) -> None:
        path = tmp_path / "data.jsonl"
        path.write_text('{"instruction": "Sing.", "output": "la"}\n')
        with pytest.raises(BadInput, match="made from"):
            make_report([path], path)
        with pytest.raises(BadInput, match="is a folder"):
            make_report([path], tmp_path)


class TestCommand:
    def test_it_says_what_it_wrote(self, tmp_path: Path) -> None:
        folder = write_journal(tmp_path / "run", events(40))
        told = CliRunner().invoke(report_command, [str(folder), "--out", str(tmp_path / "page.html"), "--rows", "10"])
        assert told.exit_code == 0, told.output
        assert "page.html" in told.output
        assert "page.card.md" in told.output
        assert "40 instructions" in told.output
        assert len(data_of(tmp_path / "page.html")[0]["rows"]) == 10

    @pytest.mark.parametrize("rows", ["0", "-1", "many", "1.5", ""])
    def test_rows_must_be_a_number_or_all(self, tmp_path: Path, rows: str) -> None:
        told = CliRunner().invoke(report_command, [str(tmp_path), "--rows", rows])
        assert told.exit_code == 2
        assert "number of tasks" in told.output

    def test_seeds_for_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "data.jsonl").write_text('{"instruction": "Sing a song.", "output": "la"}\n')
        (tmp_path / "seeds.jsonl").write_text('{"instruction": "Sing a psalm.", "instances": []}\n')
        told = CliRunner().invoke(
            report_command, [str(tmp_path / "data.jsonl"), "--seeds", str(tmp_path / "seeds.jsonl")]
        )
        assert told.exit_code == 0, told.output
        assert "below 0.3 with all 1 seeds" in (tmp_path / "data.report.html").read_text()
