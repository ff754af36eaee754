"""Work in the background: job rows with progress, schedules, the worker."""
