"""What a user's own SQL finds beside the tables: functions, views, and SpatiaLite."""
