"""What files say: their headers, colours and labels, metadata beside them, and times in all of these."""
