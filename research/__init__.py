"""Research: what may stop a trade or make it smaller, by a language model or by rules (design section 13)."""
