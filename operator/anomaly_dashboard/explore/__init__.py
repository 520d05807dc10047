"""What other settings would have found, computed in bounded workers."""
