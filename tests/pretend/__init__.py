"""A cluster in memory that carries plans out as the API server would, for tests of pure code."""
