"""Whether a server answers, and what it reports about itself, without using any model."""

from typing import Final

from bootstruct.config.addresses import shown_address
from bootstruct.config.machine import read_machine
from bootstruct.config.servers import shipped_servers
from bootstruct.diagnosis.server import ProbeResult
from bootstruct.engines.build import open_servers
from bootstruct.engines.openai import OpenAIEngine
from bootstruct.engines.response import parsed
from bootstruct.errors import BootstructError

MOST_LISTED: Final = 12  # models that are named
LISTING_SECONDS: Final = 20.0


async def probe_address(base_url: str) -> tuple[str, list[ProbeResult]]:
    """Find out whether a server answers, and return its address and its reports, without using any model.

    Args:
        base_url: its address, or the name of a known server.

    Raises:
        InputError: it is neither an address nor a known name.
    """
    machine = read_machine(None, base_url=(base_url,), engine="openai")
    url, known = machine.base_url[0], shipped_servers().get(base_url)
    is_set = bool(machine.key())
    note = f"from the environment variable {machine.key_env}{'' if is_set else ', which is not set'}"
    results = [ProbeResult("key", "yes" if is_set else "no", note), await _listed_models(open_servers(machine)[0])]
    if known is not None:
        results.append(ProbeResult("notes", "yes", f"{known.note} (by its documentation)"))
    return shown_address(url), results


async def _listed_models(server: OpenAIEngine) -> ProbeResult:
    """The names of the models that a server lists at `/models`."""
    try:
        status, _, body = await server.call("GET", "/models", seconds=LISTING_SECONDS)
        rows = parsed(body).get("data") if status == 200 and isinstance(parsed(body), dict) else None
        names = [str(row.get("id")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    except BootstructError as exc:
        return ProbeResult("models", "failed", str(exc))
    finally:
        await server.aclose()
    if names:
        more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
        return ProbeResult("models", "yes", f"{', '.join(names[:MOST_LISTED])}{more}")
    if status in (401, 403):
        return ProbeResult("models", "refused", f"the server answers {status}: the key is missing or wrong")
    return ProbeResult("models", "unclear", f"the server answers {status} and lists no models")
