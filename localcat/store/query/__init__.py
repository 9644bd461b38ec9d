"""From a search to SQL: columns, conditions, plans and the exact test."""
