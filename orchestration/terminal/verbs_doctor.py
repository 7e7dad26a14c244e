"""The verb ``doctor``."""

from __future__ import annotations

from orchestration.terminal.exits import DONE, FAILED, guarded
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import print_json, say


@guarded
def doctor(db_url: DatabaseUrl = None, as_json: AsJson = False) -> int:
    """Look at everything that a run needs on this machine: OK, WARN or FAIL, each with the way out.

    Exit code 0 without a FAIL, else 1. Takes some seconds, for it really imports Ray and the compiler.
    """
    from orchestration.terminal.doctor import FAIL, examine

    found = examine(db_url)
    ok = all(one.state != FAIL for one in found)
    if as_json:
        print_json({"ok": ok, "checks": [one._asdict() for one in found]})
    else:
        for one in found:
            say(f"{one.state:<4}  {one.what}: {one.found}" + (f"\n      {one.way_out}" if one.way_out else ""))
    return DONE if ok else FAILED
