"""CSV, Excel and Parquet files."""
