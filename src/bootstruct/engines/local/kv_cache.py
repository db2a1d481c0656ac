"""A key/value cache written in place: memory for the longest reply is allocated once, not at every token."""

import inspect
from typing import Any


def cache_parameter(model: Any) -> str:
    """The name under which the model receives its cache: `cache`, or `past_key_values` in older transformers."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


def layers_of(model: Any) -> int | None:
    """How many layers the model's cache has, if all of them have full attention, otherwise None.

    Sliding windows and recurrent states need transformers' own cache.
    """
    from transformers.cache_utils import DynamicCache, DynamicLayer

    layers = DynamicCache(config=model.config).layers
    return len(layers) if layers and all(type(layer) is DynamicLayer for layer in layers) else None


def preallocated_cache(layers: int, rows: int, capacity: int, shared: list[tuple[Any, Any]] | None = None) -> Any:
    """A cache with its memory allocated.

    Args:
        layers: how many.
        rows: of the batch.
        capacity: tokens of each row.
        shared: for each layer the keys and values, of shape (1, heads, tokens, width), that every row begins with.
    """
    from transformers.cache_utils import Cache

    layer = _layer_class()
    return Cache(layers=[layer(rows, capacity, shared[n] if shared else None) for n in range(layers)])


_layer_classes: list[type] = []


def _layer_class() -> type:
    """The class of a layer; defined on first use, because its parent is defined by transformers."""
    if _layer_classes:
        return _layer_classes[0]
    from transformers.cache_utils import DynamicLayer

    class PreallocatedLayer(DynamicLayer):  # type: ignore[misc]
        """A layer whose keys and values are views of the first `used` positions of a larger tensor."""

        def __init__(self, rows: int, capacity: int, shared: tuple[Any, Any] | None) -> None:
            super().__init__()
            self.rows, self.capacity, self.used = rows, capacity, 0
            self.both: list[Any] = []
            if shared is not None:
                self.update(*(row.expand(rows, -1, -1, -1) for row in shared))

        def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            if not self.both:
                self.both = [
                    row.new_empty(self.rows, row.shape[1], self.capacity, row.shape[3])
                    for row in (key_states, value_states)
                ]
                self.dtype, self.device, self.is_initialized = key_states.dtype, key_states.device, True
            begin, self.used = self.used, self.used + key_states.shape[-2]
            for whole, new in zip(self.both, (key_states, value_states), strict=True):
                whole[:, :, begin : self.used] = new
            self.keys, self.values = (whole[:, :, : self.used] for whole in self.both)
            return self.keys, self.values

        def get_seq_length(self) -> int:
            return self.used

        def batch_select_indices(self, indices: Any) -> None:
            self.rows = len(indices)
            for number, whole in enumerate(self.both):
                smaller = whole.new_empty(self.rows, *whole.shape[1:])
                smaller[:, :, : self.used] = whole[:, :, : self.used].index_select(0, indices)
                self.both[number] = smaller
            self.keys, self.values = (whole[:, :, : self.used] for whole in self.both)

    _layer_classes.append(PreallocatedLayer)
    return PreallocatedLayer
