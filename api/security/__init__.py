"""Who may ask what of the server: tokens, sessions, and what is refused before anything looks at a request."""
