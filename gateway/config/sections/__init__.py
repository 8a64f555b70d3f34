"""The sections of the file, one model each; `gateway/config/settings.py` brings them together."""
