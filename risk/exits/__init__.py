"""How open positions are managed, by name, in the order of evaluation: one file and one line each."""

EXITS = {
    "session_close": "risk.exits.session_close:SessionClose",
    "before_weekend": "risk.exits.before_weekend:BeforeWeekend",
    "early_cut": "risk.exits.early_cut:EarlyCut",
    "regime_flip": "risk.exits.regime_flip:RegimeFlip",
    "max_hold": "risk.exits.max_hold:MaxHold",
    "time_stop": "risk.exits.time_stop:TimeStop",
    "no_progress": "risk.exits.no_progress:NoProgress",
    "targets": "risk.exits.targets:Targets",
    "breakeven": "risk.exits.breakeven:Breakeven",
    "trailing": "risk.exits.trailing:Trailing",
    "chandelier": "risk.exits.chandelier:Chandelier",
}
