"""The fact store (Delta), the engines (DuckDB, Spark), releases and bundles."""
