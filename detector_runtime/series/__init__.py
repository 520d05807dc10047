"""Values on a grid."""
