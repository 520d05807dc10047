"""Where the rows of a training run come from: files that a trainer writes, and services that know
of it."""
