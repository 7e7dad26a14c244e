"""The mean loss beyond the value at risk of everything held, with this entry, is at most a share of the equity."""

from __future__ import annotations

from risk.rules.max_var import MaxVar
from risk.scenarios import TAIL_MEAN


class MaxCvar(MaxVar):
    keys = ("max_cvar",)
    code = "MAX_CVAR"
    which = TAIL_MEAN
