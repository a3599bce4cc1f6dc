"""Assembly of finished traces: the fold over the log, its verification and its measures, run by a Faust worker."""
