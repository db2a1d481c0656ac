"""Direct preference optimization (arXiv 2305.18290) with TRL's trainer, on pairs that are tokens already."""

import copy
from collections.abc import Callable
from typing import Any


def make_dpo_trainer(wrapped: Callable[[Any], Any], model: Any, tokenizer: Any, peft_config: Any, **given: Any) -> Any:
    """The trainer of preference pairs.

    Full training compares the model with a frozen copy of itself, so it takes the memory of two; adapters are compared with
    the model without them.

    Args:
        wrapped: makes our trainer of TRL's class.
        peft_config: of adapters, None for full training.
        given: the arguments of every trainer: `args`, `train_dataset`, `eval_dataset`, `callbacks`.
    """
    from trl import DPOTrainer

    class PairTrainer(DPOTrainer):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *args: Any, **options: Any) -> Any:
            """The unchanged tokens: ours are split at the boundary that the model sees when it answers."""
            return dataset

    reference = None if peft_config is not None else copy.deepcopy(model).eval()
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token  # padding is masked, so any token serves
    return wrapped(PairTrainer)(
        model=model, ref_model=reference, processing_class=tokenizer, peft_config=peft_config, **given
    )
