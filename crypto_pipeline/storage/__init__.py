"""Where data rests: landing zone, PostgreSQL, and the embedded PostgreSQL server."""
