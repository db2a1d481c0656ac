"""What a JSON reply must look like, step by step: for servers that hold a model to a schema, and for `read_json`.

Kept to what every server's strict mode knows: objects with all their fields required, arrays, text, whole numbers, true or
false. Fields stand in the order in which a model is to write them: in `LABEL_FIRST` the label comes before its input.
"""

import json
from typing import Any

Json = dict[str, Any]


def _object(**fields: Json) -> Json:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _many(each: Json) -> Json:
    return {"type": "array", "items": each}


def _schema(**fields: Json) -> str:
    return json.dumps(_object(**fields), separators=(",", ":"))


_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer"}
_TRUTH: Json = {"type": "boolean"}

TASKS = _schema(tasks=_many(_TEXT))
TASKS_WITH_INSTANCES = _schema(tasks=_many(_object(instruction=_TEXT, input=_TEXT, output=_TEXT)))
KIND = _schema(is_classification=_TRUTH)
KINDS = _schema(answers=_many(_object(number=_NUMBER, is_classification=_TRUTH)))
INPUT_FIRST = _schema(examples=_many(_object(input=_TEXT, output=_TEXT)))
LABEL_FIRST = _schema(examples=_many(_object(class_label=_TEXT, input=_TEXT)))
