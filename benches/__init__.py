"""The proof of what is said about speed: `make bench` compares, `make bench-quick` keeps watch.

`row.py` says what a row is, `rows/` holds the rows by theme, `worker.py` times one theme in one fresh process, `compare.py`
alternates the processes, `report.py` writes the table, `quick.py` is the watch.
"""
