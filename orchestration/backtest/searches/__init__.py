"""Better parameters, and how much of what was found is luck: optimise and walk forward."""
