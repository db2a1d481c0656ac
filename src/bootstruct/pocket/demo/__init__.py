"""The demo: the whole of Self-Instruct on this machine, with the commands that any user can type.

A real language model (the pocket model) writes instructions, decides task types, writes instances, is finetuned on
the instances that passed the filters, and is measured before and after on prompts that it has not seen. This
demonstrates the mechanism: one grammar wrote the model's corpus, checks the instances and makes the evaluation.

`loop.py` contains the whole sequence; it calls the other modules, and none of them calls it.
"""
