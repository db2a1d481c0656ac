"""One engine made of several equal servers: each question goes to the least busy one that can be reached."""

import asyncio
from collections.abc import Sequence

from bootstruct.domain import Prompt, Reply
from bootstruct.engines import Engine
from bootstruct.errors import Passing

SET_ASIDE = 15.0  # seconds a server that refuses connections is left alone while another answers


class Balanced:
    """engines: all serve the same models. One that cannot be connected to is set aside; the question goes to the next."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self.engines = engines
        self._busy = [0] * len(engines)
        self._aside_until = [0.0] * len(engines)

    async def complete(self, prompt: Prompt) -> Reply:
        tried: set[int] = set()
        while True:
            chosen = self._choose(tried)
            tried.add(chosen)
            self._busy[chosen] += 1
            try:
                return await self.engines[chosen].complete(prompt)
            except Passing as exc:
                if exc.connected or len(tried) == len(self.engines):
                    raise
                self._aside_until[chosen] = asyncio.get_running_loop().time() + SET_ASIDE
            finally:
                self._busy[chosen] -= 1

    def _choose(self, tried: set[int]) -> int:
        now = asyncio.get_running_loop().time()
        left = [n for n in range(len(self.engines)) if n not in tried]
        return min(left, key=lambda n: (self._aside_until[n] > now, self._busy[n], n))

    async def aclose(self) -> None:
        for engine in self.engines:
            await engine.aclose()
