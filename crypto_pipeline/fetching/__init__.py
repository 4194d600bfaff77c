"""One request to any source: its slot of the budget, its line in the log, its retries, its JSON."""
