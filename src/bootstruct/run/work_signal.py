"""The signal that wakes all who wait for more work to do."""

import asyncio


class WorkSignal:
    """Wakes all who wait for more to do; closed once there will never be more."""

    def __init__(self) -> None:
        self.closed = False
        self._changed: asyncio.Future[None] | None = None

    @property
    def changed(self) -> "asyncio.Future[None]":
        """Done when there is more to do, or never will be; taken anew for the next change."""
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        return self._changed

    def notify(self) -> None:
        """There is more to do."""
        changed, self._changed = self._changed, None
        if changed is not None and not changed.done():
            changed.set_result(None)

    def close(self) -> None:
        """There will never be more to do."""
        if not self.closed:
            self.closed = True
            self.notify()
