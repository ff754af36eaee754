"""Who must agree: policies and a request to steps, persons and reasons. Pure."""
