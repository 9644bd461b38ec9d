"""The catalog file as a file: connections, transactions, journals, schema versions and trust."""
