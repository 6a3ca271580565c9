"""The text of each verb's result, a module a verb; reports compute nothing."""
