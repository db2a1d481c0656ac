"""The first lines of the prompts of the recipe `pocket`.

The training corpus has the same lines, so the model has seen them. They belong to the steps of the paper's section 2.2: to
propose instructions, to tell which of them are classification, and to write instances, input-first or output-first.
"""

PROPOSE = "Here is a list of different small tasks:"
PROPOSE_CLASSIFICATION = "Here is a list of different classification tasks:"
CLASSIFY = "Is each task below a classification task? It is one if its answer is a label from a short list."
INPUT_FIRST = "Write examples for each task. If a task needs no input, give the output directly."
OUTPUT_FIRST = "Each task below is a classification task. Write an input for each class label."
