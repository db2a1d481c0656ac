"""An engine that replays the replies in a run's journal, found by the prompt's digest; it sends nothing."""

from pathlib import Path

from bootstruct.errors import RequestRejectedError
from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.file import read_events, read_reply
from bootstruct.types import Prompt, Reply, digest_of


class RecordedEngine:
    """The replies of one or more journals.

    Args:
        paths: of the journals. If two contain a reply to the same prompt, the first one wins.
    """

    def __init__(self, *paths: Path) -> None:
        self._places: dict[str, tuple[Path, int]] = {}
        for path in paths:
            for offset, event in read_events(path):
                if isinstance(event, ReplyReceived):
                    self._places.setdefault(event.digest, (path, offset))

    def __len__(self) -> int:
        """How many replies there are."""
        return len(self._places)

    def find(self, digest: str) -> tuple[Reply, Path] | None:
        """The reply to the prompt with this digest and the journal that holds it; None if there is none."""
        place = self._places.get(digest)
        if place is None:
            return None
        event = read_reply(*place)
        return (event.reply, place[0]) if event else None

    async def complete(self, prompt: Prompt) -> Reply:
        """The recorded reply. Raises RequestRejectedError (404) where there is none."""
        found = self.find(digest_of(prompt))
        if found is None:
            raise RequestRejectedError(404, f"no recorded reply to this {prompt.step} request")
        return found[0]

    async def aclose(self) -> None:
        """Nothing to close."""
