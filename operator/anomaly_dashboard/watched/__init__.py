"""What one shared watch knows of the three kinds, and what of it one caller may see."""
