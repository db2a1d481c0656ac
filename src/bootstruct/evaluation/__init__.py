"""What training has changed.

Automatic scores, blind ratings, model judges, agreement, and how clean the comparison is.

An evaluation is a folder: `evaluation.json` says what is asked, `journal.jsonl` holds every reply (requested only
once), and everything else in it is an export that the same command writes again.
"""
