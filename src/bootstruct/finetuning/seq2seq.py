"""Encoder-decoder models (T5, as in the paper's baselines), with transformers' own trainer; TRL's has only decoders."""

from collections.abc import Callable, Sequence
from typing import Any

from bootstruct.errors import InputError
from bootstruct.finetuning.data import TrainingExample
from bootstruct.finetuning.settings import FinetuneSettings


def is_encoder_decoder(model: Any) -> bool:
    """Whether a model reads with an encoder and writes with a decoder."""
    return bool(getattr(model.config, "is_encoder_decoder", False))


def require_settings(model: Any, settings: FinetuneSettings) -> None:
    """Raise InputError if the settings do not suit an encoder-decoder model."""
    if is_encoder_decoder(model) and settings.packing:
        raise InputError("packing: an encoder-decoder model cannot be trained on packed rows; leave packing out.")
    if is_encoder_decoder(model) and settings.has_pairs:
        raise InputError(f"method {settings.method}: TRL's DPO trains decoders only; choose such a model.")


def make_trainer(
    wrapped: Callable[[Any], Any],
    model: Any,
    tokenizer: Any,
    settings: FinetuneSettings,
    peft_config: Any,
    **given: Any,
) -> Any:
    """The trainer of an encoder-decoder model.

    Args:
        wrapped: makes our trainer of transformers' class.
        peft_config: of adapters, None for full finetuning.
        given: the arguments of every trainer: `args`, `train_dataset`, `eval_dataset`, `callbacks`.
    """
    from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer

    if peft_config is not None:
        from peft import get_peft_model, prepare_model_for_kbit_training

        peft_config.task_type = "SEQ_2_SEQ_LM"
        if settings.method == "qlora":
            model = prepare_model_for_kbit_training(model)
        model = get_peft_model(model, peft_config)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token  # padding is masked, so any token serves
    collator = DataCollatorForSeq2Seq(tokenizer, model=model)
    return wrapped(Seq2SeqTrainer)(model=model, processing_class=tokenizer, data_collator=collator, **given)


def lost_line_breaks(tokenizer: Any, examples: Sequence[TrainingExample]) -> int:
    """The number of examples whose outputs lose their line breaks, because the tokenizer has none (like T5's)."""
    if "\n" in tokenizer.decode(tokenizer("a\nb")["input_ids"]):
        return 0
    return sum("\n" in example.completion.strip() for example in examples)
