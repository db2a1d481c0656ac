"""The report: one self-contained HTML page and a data set card from a run or a file of instruction data."""
