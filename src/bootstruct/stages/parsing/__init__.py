"""Parsing of replies into candidates, task types and instances. Pure, linear in the length of a reply."""
