"""What operator and pods say to one another. Standard library only."""
