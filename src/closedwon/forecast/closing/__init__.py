"""The quarter-end close room: signed, in check, rejected, booked; the flash by hour; the tie-out; restatements after the lock."""
