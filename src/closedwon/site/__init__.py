"""Settings, addresses, navigation, the API root and the command-line root."""
