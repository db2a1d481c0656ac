"""JSON schemas of the replies to each step, for servers that constrain a model and for `parsing/json_replies.py`.

The schemas use only what every server's strict mode supports: objects with all fields required, arrays, strings, integers,
booleans. Fields are in the order in which a model should write them: in `LABEL_FIRST` the label comes before its input.
"""

import json
from typing import Any

Json = dict[str, Any]


def _object(**fields: Json) -> Json:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _array(items: Json) -> Json:
    return {"type": "array", "items": items}


def _schema(**fields: Json) -> str:
    return json.dumps(_object(**fields), separators=(",", ":"))


_STRING: Json = {"type": "string"}
_INTEGER: Json = {"type": "integer"}
_BOOLEAN: Json = {"type": "boolean"}

TASKS = _schema(tasks=_array(_STRING))
TASKS_WITH_INSTANCES = _schema(tasks=_array(_object(instruction=_STRING, input=_STRING, output=_STRING)))
TOPICS = _schema(topics=_array(_STRING))
TASK_TYPE = _schema(is_classification=_BOOLEAN)
TASK_TYPES = _schema(answers=_array(_object(number=_INTEGER, is_classification=_BOOLEAN)))
INPUT_FIRST = _schema(examples=_array(_object(input=_STRING, output=_STRING)))
LABEL_FIRST = _schema(examples=_array(_object(class_label=_STRING, input=_STRING)))

_ALL = (TASKS, TASKS_WITH_INSTANCES, TASK_TYPE, TASK_TYPES, INPUT_FIRST, LABEL_FIRST)
ANSWER_FIELDS = frozenset(name for schema in _ALL for name in json.loads(schema)["properties"])  # of a reply as JSON
