"""History: the past of each coin, from charts and exports, and what is missing of it."""
