"""A key/value cache that is written in place: memory for the longest reply is taken once, not at every token."""

from typing import Any


def layers_of(model: Any) -> int | None:
    """How many layers the model's cache has, if they all attend to everything; None where they are of other kinds
    (sliding windows, recurrent states), which take transformers' own cache."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    layers = DynamicCache(config=model.config).layers
    return len(layers) if layers and all(type(layer) is DynamicLayer for layer in layers) else None


def roomy_cache(layers: int, rows: int, room: int, shared: list[tuple[Any, Any]] | None = None) -> Any:
    """A cache for `rows` rows of up to `room` tokens. shared: keys and values (1, heads, tokens, width) for each layer,
    which every row begins with."""
    from transformers.cache_utils import Cache

    layer = _layer_class()
    return Cache(layers=[layer(rows, room, shared[n] if shared else None) for n in range(layers)])


_made: list[type] = []


def _layer_class() -> type:
    """The layer's class; made on first use, since its parent is transformers'."""
    if _made:
        return _made[0]
    from transformers.cache_utils import DynamicLayer

    class Roomy(DynamicLayer):  # type: ignore[misc]
        """keys and values are views of the first `used` places of a larger tensor."""

        def __init__(self, rows: int, room: int, shared: tuple[Any, Any] | None) -> None:
            super().__init__()
            self.rows, self.room, self.used = rows, room, 0
            self.both: list[Any] = []
            if shared is not None:
                self.update(*(each.expand(rows, -1, -1, -1) for each in shared))

        def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            if not self.both:
                self.both = [
                    each.new_empty(self.rows, each.shape[1], self.room, each.shape[3])
                    for each in (key_states, value_states)
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

    _made.append(Roomy)
    return Roomy
