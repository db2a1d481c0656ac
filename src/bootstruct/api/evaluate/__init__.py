"""Measure models from Python, as the commands of `bootstruct evaluate` do: scores, ratings, judges, comparisons.

Public as `bootstruct.evaluate`. Functions that use a model record every reply in a folder; calling them again resumes.
"""

from bootstruct.api.evaluate.answers import OverlapResult, agree, compare, overlap, score, sheet
from bootstruct.api.evaluate.following import IfevalResult, aifeval, ifeval
from bootstruct.api.evaluate.judging import ajudge, judge
from bootstruct.api.evaluate.likelihoods import mc, perplexity
from bootstruct.api.evaluate.models import EvaluationResult, asuperni, auser_tasks, superni, user_tasks
from bootstruct.evaluation.collect_replies import EvaluationProgress, ModelOptions
from bootstruct.evaluation.compare import ModelComparison
from bootstruct.evaluation.ifeval import IfevalScores
from bootstruct.evaluation.judge import JudgeResult
from bootstruct.evaluation.multiple_choice import ChoiceScores
from bootstruct.evaluation.perplexity import PerplexityScores
from bootstruct.evaluation.rating_agreement import AgreementResult
from bootstruct.evaluation.ratings import SheetResult
from bootstruct.evaluation.scorecard import Scorecard

__all__ = [
    "AgreementResult",
    "ChoiceScores",
    "EvaluationProgress",
    "EvaluationResult",
    "IfevalResult",
    "IfevalScores",
    "JudgeResult",
    "ModelComparison",
    "ModelOptions",
    "OverlapResult",
    "PerplexityScores",
    "Scorecard",
    "SheetResult",
    "agree",
    "aifeval",
    "ajudge",
    "asuperni",
    "auser_tasks",
    "compare",
    "ifeval",
    "judge",
    "mc",
    "overlap",
    "perplexity",
    "score",
    "sheet",
    "superni",
    "user_tasks",
]
