"""Detection benchmark: ours and its peers on real labelled recordings."""
