"""What a person or a program meets: the screens of a run, and the verbs of the command line."""
