"""What each verb does, as plain functions that return results."""
