"""What people said of incidents, what happened to each, and how well the detector did."""
