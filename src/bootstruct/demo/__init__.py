"""The whole of Self-Instruct on this machine, with the commands that anybody could type.

A real language model (the pocket model) invents tasks, tells classification, writes instances, is finetuned on what
survived the filters, and is measured before and after on prompts it has not seen. What it shows is the mechanism: one
grammar wrote the model's corpus, checks the instances and makes the evaluation.
"""
