"""Make Griffe read the package as the API pages need it, where its own reading differs."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^(\s*)Example:$", re.MULTILINE)


class ExampleSections(griffe.Extension):
    """Reads a section `Example:` as `Examples:`, so that its content is shown as code."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rename the section in the docstring of an object."""
        if obj.docstring is not None:
            obj.docstring.value = EXAMPLE.sub(r"\1Examples:", obj.docstring.value)


class BlockingSignatures(griffe.Extension):
    """Shows a function decorated by `@blocking(function)` with the signature of `function`, which it has at run time."""

    def on_module_members(self, *, mod: griffe.Module, **kwargs: Any) -> None:
        """Complete the functions of a module once all of them are known."""
        for function in mod.functions.values():
            for decorator in function.decorators:
                if decorator.callable_path.endswith(".blocking"):
                    source = str(decorator.value).partition("(")[2].rstrip(")").partition(",")[0]
                    function.parameters = mod.functions[source].parameters
                    function.returns = mod.functions[source].returns
