"""Reports: texts made of what the engine has measured."""
