"""Real verbs as processes, disturbed at points that are counted: see ``__main__``."""
