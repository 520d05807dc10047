"""Following a training run: rows since the last time in; windows, a report and snapshots out."""
