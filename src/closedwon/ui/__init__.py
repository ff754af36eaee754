"""Theme, components, formatting, charts and export."""
