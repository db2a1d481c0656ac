"""The report command and what it says of bad input."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bootstruct.cli.report import report_command
from bootstruct.errors import InputError, JournalError
from bootstruct.journal.events import CandidatesJudged, RunStarted
from bootstruct.reporting.build import make_report
from tests.reporting.test_page import data_of
from tests.support.report_runs import events, recipe, seeds, write_journal


class TestBadInput:
    def test_no_such_thing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file"):
            make_report([tmp_path / "nothing"])

    def test_a_folder_of_something_else(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="neither a run folder"):
            make_report([tmp_path])

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("{", r"data\.jsonl:1: not JSON"),
            ("[1, 2]", r"data\.jsonl:1: expected an object.*none of the 2 rows"),
            ('{"output": "a"}\n', r"data\.jsonl:1: a row without instruction.*--fields"),
            ('{"messages": "a"}\n', r"data\.jsonl:1: a row without instruction"),
            ('{"instruction": "a", "instances": 3}\n', r"data\.jsonl:1: expected .instruction. and a list"),
        ],
    )
    def test_files_are_told_by_line(self, tmp_path: Path, content: str, message: str) -> None:
        (tmp_path / "data.jsonl").write_text(content)
        with pytest.raises(InputError, match=message):
            make_report([tmp_path / "data.jsonl"])

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "data.jsonl").write_bytes(b'{"instruction": "\xff\xfe"}\n')
        with pytest.raises(InputError, match=r"data\.jsonl:1: not"):
            make_report([tmp_path / "data.jsonl"])

    def test_a_broken_journal_is_told_by_line(self, tmp_path: Path) -> None:
        folder = write_journal(tmp_path / "run", [RunStarted(recipe(), seeds(2)), CandidatesJudged(3, (), ())])
        with pytest.raises(JournalError, match=r"journal\.jsonl:2: "):
            make_report([folder])

    def test_the_source_is_not_written_over(self, tmp_path: Path) -> None:
        path = tmp_path / "data.jsonl"
        path.write_text('{"instruction": "Sing.", "output": "la"}\n')
        with pytest.raises(InputError, match="is a source of the report"):
            make_report([path], path)
        with pytest.raises(InputError, match="is a folder"):
            make_report([path], tmp_path)


class TestCommand:
    def test_it_says_what_it_wrote(self, tmp_path: Path) -> None:
        folder = write_journal(tmp_path / "run", events(40))
        history = CliRunner().invoke(
            report_command, [str(folder), "--out", str(tmp_path / "page.html"), "--rows", "10"]
        )
        assert history.exit_code == 0, history.output
        assert "page.html" in history.output
        assert "page.card.md" in history.output
        assert "40 instructions" in history.output
        assert len(data_of(tmp_path / "page.html")[0]["rows"]) == 10

    @pytest.mark.parametrize("rows", ["0", "-1", "many", "1.5", ""])
    def test_rows_must_be_a_number_or_all(self, tmp_path: Path, rows: str) -> None:
        history = CliRunner().invoke(report_command, [str(tmp_path), "--rows", rows])
        assert history.exit_code == 2
        assert "number of tasks" in history.output

    def test_seeds_for_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "data.jsonl").write_text('{"instruction": "Sing a song.", "output": "la"}\n')
        (tmp_path / "seeds.jsonl").write_text('{"instruction": "Sing a psalm.", "instances": []}\n')
        history = CliRunner().invoke(
            report_command, [str(tmp_path / "data.jsonl"), "--seeds", str(tmp_path / "seeds.jsonl")]
        )
        assert history.exit_code == 0, history.output
        assert "below 0.3 with all 1 seeds" in (tmp_path / "data.report.html").read_text()
