"""Work before, after and with other runs: preview, verify, rejudge, rewrite, import."""
