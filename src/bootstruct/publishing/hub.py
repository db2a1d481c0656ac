"""Sending a data set to the Hugging Face hub, through the hub's own client, which also holds the token."""

import os
from typing import Any

from bootstruct.errors import EngineUnavailableError, InputError
from bootstruct.io.hub import ENDINGS
from bootstruct.publishing.plan import PushPlan

TO_INSTALL = "pip install 'bootstruct[hub]'"


def address_of(repository: str) -> str:
    """The address of a data set on the hub, or on the one that HF_ENDPOINT names."""
    return f"{os.environ.get('HF_ENDPOINT', 'https://huggingface.co').rstrip('/')}/datasets/{repository}"


def upload(plan: PushPlan, message: str) -> tuple[str, tuple[str, ...]]:
    """Send a plan in one commit; a repository that does not exist yet is made.

    The token is that of the environment (`HF_TOKEN`) or of the hub's own login (`hf auth login`); it is neither read nor
    kept here.

    Returns:
        The address of the commit, and the files of rows that were there before and stay beside those of the plan.

    Raises:
        InputError: the hub's client is not installed, or the hub is switched off (`HF_HUB_OFFLINE`).
        EngineUnavailableError: the hub refuses, or cannot be reached.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise InputError("push: HF_HUB_OFFLINE is set; unset it to send, or use --dry-run to see what would go.")
    try:
        from huggingface_hub import CommitOperationAdd, HfApi, get_token
    except ImportError:
        raise InputError(f"push: needs the hub's own client: {TO_INSTALL}.") from None
    if get_token() is None:
        raise InputError("push: no token; set HF_TOKEN, or log in with `hf auth login`.")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
    operations = [
        CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=file.content)  # the client reads a path itself
        for file in plan.files
    ]
    try:
        api.create_repo(plan.repository, repo_type="dataset", private=plan.private, exist_ok=True)
        there = api.list_repo_files(plan.repository, repo_type="dataset")
        done: Any = api.create_commit(plan.repository, operations, commit_message=message, repo_type="dataset")
    except Exception as exc:  # the client raises errors of its own, of its HTTP library and of the system
        reason = " ".join(str(exc).split())[:300] or type(exc).__name__
        raise EngineUnavailableError(
            f"push to {plan.repository}: {reason}; mend that, and run the same command again."
        ) from None
    sent = {file.path for file in plan.files}
    return str(done.commit_url), tuple(sorted(name for name in there if name.endswith(ENDINGS) and name not in sent))
