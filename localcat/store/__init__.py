"""The catalog file: connections, transactions, tables and the queries on them. Knows neither models nor pixels."""
