"""bootstruct evaluate: scores, ratings, comparisons, decontamination."""

import click

from bootstruct.cli.evaluate.benchmarks import ifeval_command, mc_command, perplexity_command
from bootstruct.cli.evaluate.ratings import agree_command, compare_command, judge_command, sheet_command
from bootstruct.cli.evaluate.scores import overlap_command, score_command, superni_command, user_tasks_command


@click.group("evaluate", short_help="Measure models: scores, ratings, comparisons, decontamination.")
def evaluate_command() -> None:
    """Measure models. Every reply is recorded in the folder of --out; running the same command again resumes.

    \b
    Examples:
      bootstruct evaluate superni --data natural-instructions --model openai/gpt-4.1-mini
      bootstruct evaluate user-tasks --model openai/base --model openai/tuned --base-url http://127.0.0.1:8000/v1
      bootstruct evaluate judge evaluations/user-tasks/openai_base --judge openai/gpt-4.1
      bootstruct evaluate compare evaluations/user-tasks/*/ --ratings ratings.jsonl --key evaluations/user-tasks/key.json
    """


for _command in (
    superni_command,
    user_tasks_command,
    ifeval_command,
    mc_command,
    perplexity_command,
    score_command,
    overlap_command,
    sheet_command,
    judge_command,
    agree_command,
    compare_command,
):
    evaluate_command.add_command(_command)
