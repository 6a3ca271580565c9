"""Reports: the text of each verb's result."""
