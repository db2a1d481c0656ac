"""Quirks that do not yet have the declared result, each with the result that it has."""

FAILING: dict[str, str] = {
    "an echo of the prompt before a completion": "14 tasks, 0 of them as on the clean server (14)",
}

DOCTOR_FAILING: dict[str, str] = {}

KILL_FAILING: dict[str, str] = {}

PROGRESS_FAILING: dict[str, str] = {}
