"""Templates, assets and headers: what every page shares."""
